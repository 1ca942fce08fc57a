//! Pickles that execute code when Python loads them: each creates a file named `executed` in the current
//! directory. The interoperability test lets Python load each of them to confirm that.

/// One way to make a pickle execute code.
pub(crate) struct Trap {
    /// The way.
    pub(crate) name: &'static str,
    /// The pickle.
    pub(crate) pickle: &'static [u8],
    /// The first global of the pickle, which the refusal must name.
    pub(crate) global: &'static str,
    /// The opcode that names the global.
    pub(crate) opcode: &'static str,
}

/// Every known way.
pub(crate) const TRAPS: &[Trap] = &[
    Trap {
        name: "reduce",
        pickle: b"cos\nsystem\n(S'touch executed'\ntR.",
        global: "os.system",
        opcode: "GLOBAL",
    },
    Trap { name: "inst", pickle: b"(S'touch executed'\nios\nsystem\n.", global: "os.system", opcode: "INST" },
    Trap {
        name: "obj",
        pickle: b"(cos\nsystem\nS'touch executed'\no.",
        global: "os.system",
        opcode: "GLOBAL",
    },
    Trap {
        name: "newobj_of_partial",
        pickle: b"\x80\x02cfunctools\npartial\n(cos\nsystem\nVtouch executed\nt\x81)R.",
        global: "functools.partial",
        opcode: "GLOBAL",
    },
    Trap {
        name: "newobj_ex_of_partial",
        pickle: b"\x80\x04cfunctools\npartial\n(cos\nsystem\nVtouch executed\nt}\x92)R.",
        global: "functools.partial",
        opcode: "GLOBAL",
    },
    Trap {
        name: "partial",
        pickle: b"cfunctools\npartial\n(cos\nsystem\nVtouch executed\ntR)R.",
        global: "functools.partial",
        opcode: "GLOBAL",
    },
    Trap {
        name: "build_of_setstate",
        pickle: b"\x80\x02cargparse\nNamespace\n)\x81}V__setstate__\ncos\nsystem\nsbVtouch executed\nb.",
        global: "argparse.Namespace",
        opcode: "GLOBAL",
    },
    Trap {
        name: "stack_global",
        pickle: b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0etouch executed\x85R.",
        global: "os.system",
        opcode: "STACK_GLOBAL",
    },
    Trap {
        name: "stack_global_out_of_the_memo",
        pickle:
            b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94h\x01h\x00\x93\x8c\x0etouch executed\x85R\x94000h\x00.",
        global: "os.system",
        opcode: "STACK_GLOBAL",
    },
    Trap {
        name: "getattr_of_a_module",
        pickle: b"cbuiltins\ngetattr\n(cimportlib\nimport_module\n(Vos\ntRVsystem\ntR(Vtouch executed\ntR.",
        global: "builtins.getattr",
        opcode: "GLOBAL",
    },
    Trap {
        name: "eval",
        pickle: b"cbuiltins\neval\n(Vopen('executed', 'w').close()\ntR.",
        global: "builtins.eval",
        opcode: "GLOBAL",
    },
    Trap {
        name: "exec_as_python_2_names_it",
        pickle: b"\x80\x02c__builtin__\nexec\nVopen('executed', 'w').close()\n\x85R.",
        global: "__builtin__.exec",
        opcode: "GLOBAL",
    },
    Trap {
        name: "posix",
        pickle: b"\x80\x02cposix\nsystem\nVtouch executed\n\x85R.",
        global: "posix.system",
        opcode: "GLOBAL",
    },
    Trap {
        name: "subprocess",
        pickle: b"\x80\x02csubprocess\ncheck_output\n(Vtouch\nVexecuted\nl\x85R.",
        global: "subprocess.check_output",
        opcode: "GLOBAL",
    },
    Trap {
        name: "dotted_name",
        pickle: b"\x80\x04\x8c\x07pathlib\x94\x8c\x09os.system\x94\x93\x8c\x0etouch executed\x85R.",
        global: "pathlib.os.system",
        opcode: "STACK_GLOBAL",
    },
    Trap {
        name: "inside_a_dict",
        pickle: b"}(VN\nI64\nVgridsize\ncos\nsystem\n(S'touch executed'\ntRu.",
        global: "os.system",
        opcode: "GLOBAL",
    },
    Trap {
        name: "thrown_away",
        pickle: b"cos\nsystem\n(S'touch executed'\ntR0}.",
        global: "os.system",
        opcode: "GLOBAL",
    },
];
