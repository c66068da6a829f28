//! The adapter `wasm-filters/no-wasi`, as it is embedded: it is what its text says, it is all of WASI, and what a guest
//! gets from it is the same every time.

use wasmtime::{Engine, Instance, Memory, MemoryType, Module, Store, Val};

const TEXT: &str = include_str!("../../../wasm-filters/no-wasi/no-wasi.wat");
const BYTES: &[u8] = include_bytes!("../../../wasm-filters/no-wasi/no-wasi.wasm");

/// WASI's preview 1, with the number of parameters.
const PREVIEW_1: [(&str, usize); 46] = [
    ("args_get", 2),
    ("args_sizes_get", 2),
    ("clock_res_get", 2),
    ("clock_time_get", 3),
    ("environ_get", 2),
    ("environ_sizes_get", 2),
    ("fd_advise", 4),
    ("fd_allocate", 3),
    ("fd_close", 1),
    ("fd_datasync", 1),
    ("fd_fdstat_get", 2),
    ("fd_fdstat_set_flags", 2),
    ("fd_fdstat_set_rights", 3),
    ("fd_filestat_get", 2),
    ("fd_filestat_set_size", 2),
    ("fd_filestat_set_times", 4),
    ("fd_pread", 5),
    ("fd_prestat_dir_name", 3),
    ("fd_prestat_get", 2),
    ("fd_pwrite", 5),
    ("fd_read", 4),
    ("fd_readdir", 5),
    ("fd_renumber", 2),
    ("fd_seek", 4),
    ("fd_sync", 1),
    ("fd_tell", 2),
    ("fd_write", 4),
    ("path_create_directory", 3),
    ("path_filestat_get", 5),
    ("path_filestat_set_times", 7),
    ("path_link", 7),
    ("path_open", 9),
    ("path_readlink", 6),
    ("path_remove_directory", 3),
    ("path_rename", 6),
    ("path_symlink", 5),
    ("path_unlink_file", 3),
    ("poll_oneoff", 4),
    ("proc_exit", 1),
    ("proc_raise", 1),
    ("random_get", 2),
    ("sched_yield", 0),
    ("sock_accept", 3),
    ("sock_recv", 6),
    ("sock_send", 5),
    ("sock_shutdown", 2),
];

const BADF: i32 = 8;

/// The adapter on a page of memory that the test writes and reads in the guest's place.
struct Adapter {
    store: Store<()>,
    memory: Memory,
    instance: Instance,
}

impl Adapter {
    fn new() -> Self {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        let module = Module::new(&engine, BYTES).unwrap();
        let instance = Instance::new(&mut store, &module, &[memory.into()]).unwrap();
        Self { store, memory, instance }
    }

    /// Calls a function, and gives its error number; `None` if it trapped.
    fn call(&mut self, name: &str, arguments: &[Val]) -> Option<i32> {
        let function = self.instance.get_func(&mut self.store, name).expect(name);
        let mut results = vec![Val::I32(-1); function.ty(&self.store).results().len()];
        function.call(&mut self.store, arguments, &mut results).ok()?;
        results.first().map(Val::unwrap_i32)
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.memory.write(&mut self.store, at, bytes).unwrap();
    }

    fn number(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        self.memory.read(&self.store, at, &mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn now(&mut self) -> u64 {
        assert_eq!(self.call("clock_time_get", &[Val::I32(0), Val::I64(1000), Val::I32(8)]), Some(0));
        let realtime = self.number(8);
        assert_eq!(self.call("clock_time_get", &[Val::I32(1), Val::I64(0), Val::I32(16)]), Some(0));
        assert_eq!(self.number(16), realtime, "all clocks are one");
        realtime
    }
}

#[test]
fn the_bytes_are_those_of_the_text() {
    let assembled = wat::parse_str(TEXT).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write("wasm-filters/no-wasi/no-wasi.wasm", &assembled).unwrap();
    }
    assert!(
        assembled == BYTES,
        "wasm-filters/no-wasi/no-wasi.wasm is another one; UPDATE_GOLDEN=1 makes it anew"
    );
}

#[test]
fn it_is_all_of_wasi_and_wants_nothing_but_the_memory() {
    let module = Module::new(&Engine::default(), BYTES).unwrap();
    let imports: Vec<_> = module.imports().map(|import| (import.module(), import.name())).collect();
    assert_eq!(imports, [("env", "memory")]);
    for (name, parameters) in PREVIEW_1 {
        let Some(export) = module.get_export(name) else { panic!("there is no {name}") };
        assert_eq!(export.unwrap_func().params().len(), parameters, "{name}");
    }
    let others: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .filter(|name| !PREVIEW_1.iter().any(|(known, _)| known == name))
        .collect();
    assert_eq!(others, ["adapter_monotonic_clock_set_paused"]);
}

#[test]
fn files_folders_and_sockets_are_not_there() {
    let mut adapter = Adapter::new();
    let module = Module::new(&Engine::default(), BYTES).unwrap();
    for (name, _) in PREVIEW_1 {
        let concerns_a_file = ["fd_", "path_", "sock_"].iter().any(|prefix| name.starts_with(prefix));
        if !concerns_a_file {
            continue;
        }
        let function = module.get_export(name).unwrap();
        let arguments: Vec<_> = function
            .unwrap_func()
            .params()
            .map(|parameter| if parameter.is_i64() { Val::I64(3) } else { Val::I32(3) })
            .collect();
        assert_eq!(adapter.call(name, &arguments), Some(BADF), "{name}");
    }
    for name in ["args", "environ"] {
        adapter.write(0, &[0xff; 8]);
        assert_eq!(adapter.call(&format!("{name}_sizes_get"), &[Val::I32(0), Val::I32(4)]), Some(0));
        assert_eq!(adapter.number(0), 0, "{name}: none, of no bytes");
    }
}

#[test]
fn the_clock_stands_still_but_for_those_who_wait() {
    let mut adapter = Adapter::new();
    assert_eq!(adapter.now(), 1);
    assert_eq!(adapter.now(), 1);
    assert_eq!(adapter.call("sched_yield", &[]), Some(0));
    assert_eq!(adapter.now(), 1001);

    // A minute from now; until a point in the past; until one in the future; and a file.
    for (at, kind, time, absolute) in
        [(0, 0_u8, 60_000_000_000_u64, 0_u8), (1, 0, 500, 1), (2, 0, 90_000_000_000, 1), (3, 1, 0, 0)]
    {
        let mut subscription = [0; 48];
        subscription[0] = 7 + at;
        subscription[8] = kind;
        subscription[24..32].copy_from_slice(&time.to_le_bytes());
        subscription[40] = absolute;
        adapter.write(1000 + 48 * usize::from(at), &subscription);
    }
    let poll = |adapter: &mut Adapter, from: i32, count: i32| {
        adapter.call("poll_oneoff", &[Val::I32(from), Val::I32(2000), Val::I32(count), Val::I32(3000)])
    };
    assert_eq!(poll(&mut adapter, 1000, 2), Some(0));
    assert_eq!(adapter.now(), 60_000_001_001);
    assert_eq!(adapter.number(3000), 2);
    assert_eq!(poll(&mut adapter, 1000 + 48, 3), Some(0));
    assert_eq!(adapter.now(), 90_000_000_000);
    assert_eq!(adapter.number(3000), 3);
    let events: Vec<_> =
        (0..3).map(|at| (adapter.number(2000 + 32 * at), adapter.number(2008 + 32 * at))).collect();
    assert_eq!(
        events,
        [(8, 0), (9, 0), (10, 1 << 16 | 8)],
        "the subscriber's number, then the type and the error"
    );
    assert_eq!(poll(&mut adapter, 1000, 0), Some(28));
}

#[test]
fn random_numbers_are_the_same_every_time_and_yet_not_all_the_same() {
    let draw = || {
        let mut adapter = Adapter::new();
        assert_eq!(adapter.call("random_get", &[Val::I32(0), Val::I32(5)]), Some(0));
        assert_eq!(adapter.call("random_get", &[Val::I32(5), Val::I32(11)]), Some(0));
        assert_eq!(adapter.call("random_get", &[Val::I32(16), Val::I32(0)]), Some(0));
        assert_eq!(adapter.number(16), 0, "no more than was asked for");
        (adapter.number(0), adapter.number(8))
    };
    let (first, second) = draw();
    assert_eq!((first, second), draw());
    assert_ne!(first, second);
    assert!(first.to_le_bytes().iter().all(|&byte| byte != 0), "{first:x}");
}

#[test]
fn what_is_written_is_taken_and_dropped_and_there_is_nothing_to_read() {
    let mut adapter = Adapter::new();
    // Two vectors, of 5 and 7 bytes.
    adapter.write(0, &[100, 0, 0, 0, 5, 0, 0, 0, 200, 0, 0, 0, 7, 0, 0, 0]);
    let stream = |adapter: &mut Adapter, name: &str, file: i32| {
        adapter.write(40, &[0xff; 4]);
        adapter.call(name, &[Val::I32(file), Val::I32(0), Val::I32(2), Val::I32(40)])
    };
    for file in [1, 2] {
        assert_eq!(stream(&mut adapter, "fd_write", file), Some(0));
        assert_eq!(adapter.number(40), 12);
        assert_eq!(stream(&mut adapter, "fd_read", file), Some(BADF));
    }
    assert_eq!(stream(&mut adapter, "fd_write", 0), Some(BADF));
    assert_eq!(stream(&mut adapter, "fd_read", 0), Some(0));
    assert_eq!(adapter.number(40), 0);
    for file in 0..3 {
        assert_eq!(adapter.call("fd_fdstat_get", &[Val::I32(file), Val::I32(64)]), Some(0));
    }
}

#[test]
fn whoever_exits_traps() {
    for (name, code) in [("proc_exit", 0), ("proc_exit", 1), ("proc_raise", 6)] {
        assert_eq!(Adapter::new().call(name, &[Val::I32(code)]), None, "{name}");
    }
}
