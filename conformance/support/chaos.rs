//! Faulty adapters. Each is the reference behind the protocol, with one fault.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio, exit},
    thread,
    time::Duration,
};

use bundleproof::{
    bundle::{BUNDLE, implementations::reference},
    harness::{adapter::serve, contract::Contract as _},
};
use serde_json::{Value, json};

/// The variable that turns the test program into an adapter, and selects its fault.
pub(crate) const VARIABLE: &str = "BUNDLEPROOF_CHAOS";

/// The variable with the path of the test's directory and the fault, by which its processes are found.
pub(crate) const MARK: &str = "BUNDLEPROOF_MARK";

/// A variable that an adapter does not inherit.
pub(crate) const SETTING: &str = "BUNDLEPROOF_TEST_SETTING";

/// The operation in which most faults occur.
const MOMENT: &str = "load_torch_bundle";

/// Longer than every timeout.
const FOREVER: Duration = Duration::from_secs(3600);

/// Responds to requests with this fault until there are no more.
pub(crate) fn answer(way: &str) {
    if way == "exits_at_once" {
        eprintln!("no module named ptycho");
        exit(3);
    }
    let mut reference = Served::start();
    let mut remembered: BTreeMap<String, Value> = BTreeMap::new();
    let mut directory = String::new();
    let mut has_bridged = false;
    for line in io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let question: Value = serde_json::from_str(&line).expect("a question");
        let method = question["method"].as_str().unwrap_or_default();
        let moment = method == MOMENT;
        has_bridged |= method == "update_legacy_dict";
        match (way, method) {
            ("crashes_in_save", "save_torch_bundle") | ("crashes_in_workflow", "run_cdi_example_torch") => {
                print(&failed(&question, "internal", "TypeError"));
                continue;
            }
            ("fails_at_everything", _) if method != "set_params" && is_operation(method) => {
                print(&failed(&question, "internal", "TypeError"));
                continue;
            }
            // What a bridge has left in the process outlasts every reset.
            ("cannot_load_after_a_bridge", _) if moment && has_bridged => {
                print(&failed(&question, "mismatch", "RuntimeError"));
                continue;
            }
            ("does_not_know_what_it_lists", "load_torch_bundle") => {
                let error = json!({ "code": -32601, "message": "NotImplementedError" });
                print(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error }));
                continue;
            }
            ("makes_no_models", "create_models" | "save_torch_bundle") => {
                let error = json!({ "code": -32601, "message": "unknown method" });
                print(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error }));
                continue;
            }
            ("has_no_workflow_yet", "run_cdi_example_torch") => {
                print(&failed(&question, "not_implemented", "NotImplementedError"));
                continue;
            }
            ("is_silent", _) => thread::sleep(FOREVER),
            ("says_ok_to_everything", _) if method != "initialize" => {
                print(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": {} }));
                continue;
            }
            ("does_not_reset", "reset") => {
                print(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": {} }));
                continue;
            }
            ("dies_when_it_saves", "save_torch_bundle") => exit(139),
            ("hangs", _) if moment => thread::sleep(FOREVER),
            ("sleeps_in_shutdown", "shutdown") => thread::sleep(FOREVER),
            ("dies", _) if moment => {
                eprintln!("Segmentation fault in libtorch");
                exit(139);
            }
            ("leaves_a_child_with_its_pipe", _) if moment => {
                // It inherits this program's standard output, and keeps running.
                let child = Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn();
                child.expect("a child");
                exit(1);
            }
            ("leaves_a_session", _) if moment => start_a_session(),
            ("leaves_a_session_and_hangs", _) if moment => {
                start_a_session();
                thread::sleep(FOREVER);
            }
            ("needs_a_session_without_terminal", _) if moment => {
                // Which it leads, and has never opened a terminal in.
                let session = nix::unistd::getsid(None).expect("a session");
                if session != nix::unistd::getpid() {
                    print(&failed(&question, "internal", "the session of the run"));
                    continue;
                }
            }
            ("takes_a_gibibyte", _) if moment => drop(vec![1_u8; 1 << 30]),
            ("writes_a_gibibyte", _) if moment => {
                let home = env::var("HOME").expect("a home");
                let file = fs::File::create(Path::new(&home).join("long")).expect("a file");
                file.set_len(1 << 30).expect("a long file");
            }
            ("writes_outside", _) if moment => {
                let mark = env::var(MARK).expect("a mark");
                if let Err(error) = fs::write(format!("{mark}.written"), "") {
                    print(&failed(&question, "internal", &error.to_string()));
                    continue;
                }
            }
            ("opens_a_port", _) if moment => {
                if let Err(error) = TcpListener::bind("127.0.0.1:0") {
                    print(&failed(&question, "internal", &error.to_string()));
                    continue;
                }
            }
            ("states_its_mistake", _) if moment => {
                let error = json!({ "code": -32001, "message": "Mine.load returned None" });
                print(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error }));
                continue;
            }
            ("states_a_long_error", _) if moment => {
                let mut answer = failed(&question, "internal", "TypeError");
                answer["error"]["message"] = json!("missing ".repeat(1 << 20));
                print(&answer);
                continue;
            }
            (way, _) if moment && way.starts_with("mounts_") => mount(way, Path::new(&directory)),
            (way, _) if moment && way.starts_with("puts_") => take_a_place(way, Path::new(&directory)),
            ("answers_garbage", _) if moment => {
                println!("Epoch 1/50: loss 0.5");
                continue;
            }
            ("floods_a_line", _) if moment => loop {
                let _ = io::stdout().write_all(&[b'x'; 65536]);
            },
            ("floods_lines", _) if moment => loop {
                println!("Epoch 1/50: loss 0.5");
            },
            ("floods_stderr", _) if moment => {
                for _ in 0..2000 {
                    eprint!("{}", "warning ".repeat(1000));
                }
            }
            _ => {}
        }
        let mut answer = reference.ask(&line);
        match (way, method) {
            ("speaks_another_version", "initialize") => answer["result"]["protocol"] = json!(2),
            ("has_no_networks_of_the_fixtures", "initialize") => answer["result"]["supports"] = json!([]),
            ("makes_no_models", "initialize") => {
                let offered = answer["result"]["operations"].as_array_mut().expect("operations");
                offered.retain(|own| own != "create_models" && own != "save_torch_bundle");
            }
            ("states_a_setting", "initialize") => {
                answer["result"]["notes"] = json!([format!("{:?}", env::var(SETTING))]);
            }
            ("states_too_much", "initialize") => {
                let versions: serde_json::Map<String, Value> =
                    (0..100).map(|at| (format!("p\u{1b}{at:02}"), json!("1\n2"))).collect();
                answer["result"]["versions"] = versions.into();
                answer["result"]["notes"] = vec!["reads\u{1b}[2J the dataset".repeat(100); 100].into();
            }
            (way, "reset") if ["leaves_files", "puts_", "mounts_"].iter().any(|own| way.starts_with(own)) => {
                directory = question["params"]["directory"].as_str().unwrap_or_default().to_owned();
            }
            // A lock next to the archive, and a cache at home.
            ("leaves_files", "save_torch_bundle") => {
                let path = question["params"]["base_path"].as_str().unwrap_or_default();
                fs::write(Path::new(&directory).join(format!("{path}.lock")), "").expect("a file");
                let home = env::var("HOME").expect("a home");
                fs::write(Path::new(&home).join("cache"), "").expect("a file");
            }
            ("answers_for_another", _) if moment => answer["id"] = json!(1_000_000),
            ("answers_twice", _) if moment => print(&answer),
            ("answers_many_values", _) if moment => answer["result"] = json!(vec![0; 1 << 20]),
            ("answers_too_little", _) if moment => answer["result"] = json!({ "models": {} }),
            // Returns the saved models from memory: the archive is written and never read.
            ("remembers_what_it_saved", "create_models") => {
                let name = question["params"]["as"].as_str().unwrap_or_default();
                remembered.insert(name.to_owned(), answer["result"]["models"].clone());
            }
            ("remembers_what_it_saved", "save_torch_bundle") => {
                let name = question["params"]["models"].as_str().unwrap_or_default();
                let path = question["params"]["base_path"].as_str().unwrap_or_default();
                if let Some(models) = remembered.get(name).cloned() {
                    remembered.insert(path.to_owned(), models);
                }
            }
            ("remembers_what_it_saved", _) if moment => {
                let path = question["params"]["base_path"].as_str().unwrap_or_default();
                if let Some(models) = remembered.get(path) {
                    answer["result"]["models"] = models.clone();
                }
            }
            _ => {}
        }
        print(&answer);
    }
    if way == "sleeps_at_the_end" {
        thread::sleep(FOREVER);
    }
}

/// `puts_a_link_at_work`: moves away the directory of the check, the one that it is in, the hidden one of the report or the
/// store, and puts something in its place.
fn take_a_place(way: &str, directory: &Path) {
    let (what, at) = way.trim_start_matches("puts_").split_once("_at_").expect("what and where");
    let own = Path::new(directory.file_name().unwrap_or_default());
    let place = match at {
        "own" => Some(directory),
        "work" => directory.parent(),
        "report" => directory.ancestors().nth(2),
        // The store.
        _ => directory.ancestors().nth(3),
    };
    // Nothing that is not the run's: a later one may have another place.
    let is_of_a_run = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == own.to_string_lossy()
            || name.ends_with(".partial")
            || name == "work"
            || name == "reports"
            || name.starts_with("bundleproof-")
    };
    let Some(place) = place.filter(is_of_a_run) else { return };
    let name = place.file_name().unwrap_or_default().display().to_string();
    fs::rename(place, place.with_file_name(format!("{name}.moved"))).expect("a new name");
    match what {
        "a_link" => {
            let theirs = env::current_dir().expect("a directory").join("theirs");
            std::os::unix::fs::symlink(theirs, place).expect("a link");
        }
        "a_pipe" => assert!(Command::new("mkfifo").arg(place).status().expect("mkfifo").success()),
        "a_directory" => fs::create_dir(place).expect("a directory"),
        _ => {}
    }
}

/// Mounts a directory of someone else where the checks run, or below the directory of this one.
fn mount(way: &str, directory: &Path) {
    let below = directory.join("in/mounted");
    let place = if way == "mounts_at_work" { directory.parent().expect("a directory") } else { &below };
    fs::create_dir_all(place).expect("a directory");
    let theirs = env::current_dir().expect("a directory").join("theirs");
    let mount = Command::new("mount").arg("--bind").args([&theirs, place]).status();
    assert!(mount.expect("mount").success(), "a mount");
}

/// Starts a process that neither its group nor its parent leads to.
fn start_a_session() {
    let script = "setsid sleep 3600 < /dev/null > /dev/null 2>&1 &";
    let status = Command::new("sh").args(["-c", script]).status().expect("a shell");
    assert!(status.success(), "a session");
}

/// Whether the reference supports an operation of this name.
fn is_operation(method: &str) -> bool {
    BUNDLE.operations().iter().any(|operation| operation.name == method) && reference().supports(method)
}

/// What the kit for Python answers when this exception was raised.
fn failed(question: &Value, kind: &str, exception: &str) -> Value {
    let traceback = format!(
        "Traceback (most recent call last):\n  File \"components.py\", line 7, in run\n{exception}: probe\n"
    );
    let data = json!({ "kind": kind, "type": exception, "traceback": traceback });
    let error = json!({ "code": -32000, "message": "missing argument 'probe'", "data": data });
    json!({ "jsonrpc": "2.0", "id": question["id"], "error": error })
}

fn print(answer: &Value) {
    println!("{answer}");
}

/// The reference, served in a thread of this program.
struct Served {
    questions: PipeWriter,
    answers: BufReader<PipeReader>,
}

impl Served {
    fn start() -> Self {
        let (question_end, questions) = io::pipe().expect("a pipe");
        let (answers, answer_end) = io::pipe().expect("a pipe");
        thread::spawn(move || {
            let input = BufReader::new(question_end);
            serve(&BUNDLE, reference().as_ref(), &BTreeMap::new(), input, answer_end)
                .expect("a conversation");
        });
        Self { questions, answers: BufReader::new(answers) }
    }

    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.questions, "{line}").expect("an open pipe");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        serde_json::from_str(&answer).expect("an answer")
    }
}
