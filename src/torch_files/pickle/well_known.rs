//! Enumerations of Python and element types of torch: their names and numbers, which a repr shows.

/// An enumeration of the standard library whose members are pickled by their number.
#[derive(Debug, PartialEq, Eq)]
pub struct Enumeration {
    /// The module.
    pub module: &'static str,
    /// The name of the class.
    pub name: &'static str,
    /// Numbers and names, in the order of their definition. Of signals and address families those of Linux.
    members: &'static [(i64, &'static str)],
    /// Whether the number is a sum of members.
    is_flag: bool,
}

impl Enumeration {
    /// The enumeration of this name.
    pub(super) fn find(module: &str, name: &str) -> Option<&'static Self> {
        ENUMERATIONS.iter().find(|known| (known.module, known.name) == (module, name))
    }

    /// The repr of the member with this number; `None` if it has none.
    pub(super) fn repr(&self, number: i64) -> Option<String> {
        let (module, class) = (self.module, self.name);
        if !self.is_flag {
            let (_, member) = self.members.iter().find(|(own, _)| *own == number)?;
            return Some(format!("<{class}.{member}: {number}>"));
        }
        let parts = self.members.iter().filter(|(bit, _)| number & bit != 0);
        let covered = parts.clone().fold(0, |all, (bit, _)| all | bit);
        let parts: Vec<String> = parts.map(|(_, member)| format!("{module}.{member}")).collect();
        match number {
            0 => Some(format!("{module}.NOFLAG")),
            _ => (covered == number).then(|| parts.join("|")),
        }
    }
}

const ENUMERATIONS: &[Enumeration] = &[
    Enumeration { module: "http", name: "HTTPStatus", members: HTTP_STATUS, is_flag: false },
    Enumeration { module: "signal", name: "Signals", members: SIGNALS, is_flag: false },
    Enumeration { module: "socket", name: "AddressFamily", members: ADDRESS_FAMILIES, is_flag: false },
    Enumeration { module: "socket", name: "SocketKind", members: SOCKET_KINDS, is_flag: false },
    Enumeration { module: "re", name: "RegexFlag", members: REGEX_FLAGS, is_flag: true },
];

const HTTP_STATUS: &[(i64, &str)] = &[
    (100, "CONTINUE"),
    (101, "SWITCHING_PROTOCOLS"),
    (102, "PROCESSING"),
    (103, "EARLY_HINTS"),
    (200, "OK"),
    (201, "CREATED"),
    (202, "ACCEPTED"),
    (203, "NON_AUTHORITATIVE_INFORMATION"),
    (204, "NO_CONTENT"),
    (205, "RESET_CONTENT"),
    (206, "PARTIAL_CONTENT"),
    (207, "MULTI_STATUS"),
    (208, "ALREADY_REPORTED"),
    (226, "IM_USED"),
    (300, "MULTIPLE_CHOICES"),
    (301, "MOVED_PERMANENTLY"),
    (302, "FOUND"),
    (303, "SEE_OTHER"),
    (304, "NOT_MODIFIED"),
    (305, "USE_PROXY"),
    (307, "TEMPORARY_REDIRECT"),
    (308, "PERMANENT_REDIRECT"),
    (400, "BAD_REQUEST"),
    (401, "UNAUTHORIZED"),
    (402, "PAYMENT_REQUIRED"),
    (403, "FORBIDDEN"),
    (404, "NOT_FOUND"),
    (405, "METHOD_NOT_ALLOWED"),
    (406, "NOT_ACCEPTABLE"),
    (407, "PROXY_AUTHENTICATION_REQUIRED"),
    (408, "REQUEST_TIMEOUT"),
    (409, "CONFLICT"),
    (410, "GONE"),
    (411, "LENGTH_REQUIRED"),
    (412, "PRECONDITION_FAILED"),
    (413, "REQUEST_ENTITY_TOO_LARGE"),
    (414, "REQUEST_URI_TOO_LONG"),
    (415, "UNSUPPORTED_MEDIA_TYPE"),
    (416, "REQUESTED_RANGE_NOT_SATISFIABLE"),
    (417, "EXPECTATION_FAILED"),
    (418, "IM_A_TEAPOT"),
    (421, "MISDIRECTED_REQUEST"),
    (422, "UNPROCESSABLE_ENTITY"),
    (423, "LOCKED"),
    (424, "FAILED_DEPENDENCY"),
    (425, "TOO_EARLY"),
    (426, "UPGRADE_REQUIRED"),
    (428, "PRECONDITION_REQUIRED"),
    (429, "TOO_MANY_REQUESTS"),
    (431, "REQUEST_HEADER_FIELDS_TOO_LARGE"),
    (451, "UNAVAILABLE_FOR_LEGAL_REASONS"),
    (500, "INTERNAL_SERVER_ERROR"),
    (501, "NOT_IMPLEMENTED"),
    (502, "BAD_GATEWAY"),
    (503, "SERVICE_UNAVAILABLE"),
    (504, "GATEWAY_TIMEOUT"),
    (505, "HTTP_VERSION_NOT_SUPPORTED"),
    (506, "VARIANT_ALSO_NEGOTIATES"),
    (507, "INSUFFICIENT_STORAGE"),
    (508, "LOOP_DETECTED"),
    (510, "NOT_EXTENDED"),
    (511, "NETWORK_AUTHENTICATION_REQUIRED"),
];

const SIGNALS: &[(i64, &str)] = &[
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (16, "SIGSTKFLT"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
    (20, "SIGTSTP"),
    (21, "SIGTTIN"),
    (22, "SIGTTOU"),
    (23, "SIGURG"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (28, "SIGWINCH"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
    (31, "SIGSYS"),
    (34, "SIGRTMIN"),
    (64, "SIGRTMAX"),
];

const ADDRESS_FAMILIES: &[(i64, &str)] = &[
    (0, "AF_UNSPEC"),
    (1, "AF_UNIX"),
    (2, "AF_INET"),
    (3, "AF_AX25"),
    (4, "AF_IPX"),
    (5, "AF_APPLETALK"),
    (6, "AF_NETROM"),
    (7, "AF_BRIDGE"),
    (8, "AF_ATMPVC"),
    (9, "AF_X25"),
    (10, "AF_INET6"),
    (11, "AF_ROSE"),
    (13, "AF_NETBEUI"),
    (14, "AF_SECURITY"),
    (15, "AF_KEY"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (18, "AF_ASH"),
    (19, "AF_ECONET"),
    (20, "AF_ATMSVC"),
    (21, "AF_RDS"),
    (22, "AF_SNA"),
    (23, "AF_IRDA"),
    (24, "AF_PPPOX"),
    (25, "AF_WANPIPE"),
    (26, "AF_LLC"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (38, "AF_ALG"),
    (40, "AF_VSOCK"),
    (42, "AF_QIPCRTR"),
];

const SOCKET_KINDS: &[(i64, &str)] = &[
    (1, "SOCK_STREAM"),
    (2, "SOCK_DGRAM"),
    (3, "SOCK_RAW"),
    (4, "SOCK_RDM"),
    (5, "SOCK_SEQPACKET"),
    (2048, "SOCK_NONBLOCK"),
    (524288, "SOCK_CLOEXEC"),
];

const REGEX_FLAGS: &[(i64, &str)] = &[
    (256, "ASCII"),
    (2, "IGNORECASE"),
    (4, "LOCALE"),
    (32, "UNICODE"),
    (8, "MULTILINE"),
    (16, "DOTALL"),
    (64, "VERBOSE"),
    (1, "TEMPLATE"),
    (128, "DEBUG"),
];

const TORCH_DTYPES: &[&str] = &[
    "bfloat16",
    "bits16",
    "bits1x8",
    "bits2x4",
    "bits4x2",
    "bits8",
    "bool",
    "complex128",
    "complex32",
    "complex64",
    "float16",
    "float32",
    "float4_e2m1fn_x2",
    "float64",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "int1",
    "int16",
    "int2",
    "int3",
    "int32",
    "int4",
    "int5",
    "int6",
    "int64",
    "int7",
    "int8",
    "qint32",
    "qint8",
    "quint2x4",
    "quint4x2",
    "quint8",
    "uint1",
    "uint16",
    "uint2",
    "uint3",
    "uint32",
    "uint4",
    "uint5",
    "uint6",
    "uint64",
    "uint7",
    "uint8",
];

const TORCH_DEVICES: &[&str] = &[
    "cpu",
    "cuda",
    "ipu",
    "xpu",
    "mkldnn",
    "opengl",
    "opencl",
    "ideep",
    "hip",
    "ve",
    "fpga",
    "maia",
    "xla",
    "lazy",
    "vulkan",
    "mps",
    "meta",
    "hpu",
    "mtia",
    "privateuseone",
];

/// The name of an element type of torch, if there is one of this name.
pub(super) fn torch_dtype(name: &str) -> Option<&'static str> {
    TORCH_DTYPES.iter().find(|known| **known == name).copied()
}

/// The kinds of devices that torch knows.
pub(crate) fn torch_device(name: &str) -> Option<&'static str> {
    TORCH_DEVICES.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repr(module: &str, name: &str, number: i64) -> Option<String> {
        Enumeration::find(module, name)?.repr(number)
    }

    #[test]
    fn a_member_is_shown_by_its_name_and_number() {
        assert_eq!(repr("http", "HTTPStatus", 200).as_deref(), Some("<HTTPStatus.OK: 200>"));
        assert_eq!(repr("signal", "Signals", 2).as_deref(), Some("<Signals.SIGINT: 2>"));
        assert_eq!(repr("socket", "AddressFamily", 2).as_deref(), Some("<AddressFamily.AF_INET: 2>"));
        assert_eq!(repr("socket", "SocketKind", 1).as_deref(), Some("<SocketKind.SOCK_STREAM: 1>"));
        assert_eq!(repr("http", "HTTPStatus", 299), None);
        assert_eq!(repr("http", "Signals", 2), None);
    }

    #[test]
    fn flags_are_shown_in_the_order_of_their_definition() {
        let flags = |number| repr("re", "RegexFlag", number);
        assert_eq!(flags(0).as_deref(), Some("re.NOFLAG"));
        assert_eq!(flags(10).as_deref(), Some("re.IGNORECASE|re.MULTILINE"));
        assert_eq!(flags(258).as_deref(), Some("re.ASCII|re.IGNORECASE"));
        assert_eq!([flags(512), flags(514), flags(-1)], [None, None, None]);
    }

    #[test]
    fn names_of_torch_are_known_without_their_module() {
        assert_eq!(torch_dtype("float32"), Some("float32"));
        assert_eq!(torch_dtype("Size"), None);
        assert_eq!((torch_device("cuda"), torch_device("cuda:0")), (Some("cuda"), None));
    }
}
