internal import CLinux
internal import Glibc

/// Our ends of a child's pipes.
struct ChildPipes: ~Copyable {
    var input: FileDescriptor?
    var output: FileDescriptor?
    var error: SharedDescriptor?
}

/// One posix_spawn: own group, empty mask, default handlers, and no descriptor that was not named.
enum Spawn {
    static func run(_ spec: ProcessSpec) throws(Errno) -> ChildProcess {
        let texts = [spec.program] + spec.arguments + spec.environment.flatMap { [$0.key, $0.value] }
        guard spec.program.hasPrefix("/"), !texts.contains(where: { $0.utf8.contains(0) }),
            spec.passed.keys.allSatisfy({ $0 > 2 && $0 < 65_536 })
        else { throw .invalid }

        var pipes = ChildPipes()
        let actions = try Actions(above: spec.passed.keys.max() ?? 2)
        try attach(spec.input, as: 0, &pipes, actions)
        try attach(spec.output, as: 1, &pipes, actions)
        switch spec.error {
        case .null: try actions.openNull(as: 2)
        case .descriptor(let ours): try actions.give(ours, as: 2)
        case .tail:
            var pipe = try Pipe(capacity: 65_536)
            if let theirs = pipe.takeWriting() { try actions.give(theirs.raw, as: 2) }
            if let ours = pipe.takeReading() { pipes.error = SharedDescriptor(ours) }
        }
        for (theirs, ours) in spec.passed { try actions.give(ours, as: theirs) }
        try actions.closeRest()
        if let folder = spec.folder { try actions.enter(folder) }
        for end in [pipes.input?.raw, pipes.output?.raw, pipes.error?.raw].compactMap({ $0 }) {
            try setNonBlocking(end)
        }

        let attributes = try Attributes()
        let arguments = CStrings([spec.program] + spec.arguments)
        let environment = CStrings(spec.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        var pid: pid_t = 0
        let code = posix_spawn(
            &pid, spec.program, actions.actions, attributes.attributes, arguments.pointers, environment.pointers)
        guard code == 0 else { throw Errno(code: code) }
        // Nobody else reaps, so the number is the child's own even if it has ended already.
        let pidfd = sluice_open_pidfd(pid)
        guard pidfd >= 0 else {
            let failure = Errno(code: errno)
            _ = kill(-pid, SIGKILL)
            _ = waitpid(pid, nil, 0)
            throw failure
        }
        return ChildProcess(
            pid: pid, pidfd: FileDescriptor(owning: pidfd), pipes: pipes, errorLimit: max(0, spec.errorLimit))
    }

    private static func attach(
        _ stdio: ProcessSpec.Stdio, as number: Int32, _ pipes: inout ChildPipes, _ actions: Actions
    ) throws(Errno) {
        switch stdio {
        case .null: try actions.openNull(as: number)
        case .descriptor(let ours): try actions.give(ours, as: number)
        case .pipe:
            var pipe = try Pipe()
            if number == 0 {
                if let theirs = pipe.takeReading() { try actions.give(theirs.raw, as: 0) }
                pipes.input = pipe.takeWriting()
            } else {
                if let theirs = pipe.takeWriting() { try actions.give(theirs.raw, as: number) }
                pipes.output = pipe.takeReading()
            }
        }
    }

    private static func setNonBlocking(_ raw: Int32) throws(Errno) {
        let flags = try Errno.check(fcntl(raw, F_GETFL))
        try Errno.check(fcntl(raw, F_SETFL, flags | O_NONBLOCK))
    }
}

/// What the child does between its birth and the program: it arranges its descriptors.
private final class Actions {
    let actions = UnsafeMutablePointer<posix_spawn_file_actions_t>.allocate(capacity: 1)
    private let lowest: Int32
    private var targets: Set<Int32> = []
    private var held: [SharedDescriptor] = []

    init(above highest: Int32) throws(Errno) {
        lowest = highest + 1
        try Errno.checkReturned(posix_spawn_file_actions_init(actions))
    }

    deinit {
        posix_spawn_file_actions_destroy(actions)
        actions.deallocate()
    }

    /// By way of a copy above all of the child's numbers, so that no order of them overwrites one still needed.
    func give(_ ours: Int32, as theirs: Int32) throws(Errno) {
        let copy = SharedDescriptor(FileDescriptor(owning: try Errno.check(fcntl(ours, F_DUPFD_CLOEXEC, lowest))))
        held.append(copy)
        targets.insert(theirs)
        try Errno.checkReturned(posix_spawn_file_actions_adddup2(actions, copy.raw, theirs))
    }

    func openNull(as theirs: Int32) throws(Errno) {
        try Errno.checkReturned(posix_spawn_file_actions_addopen(actions, theirs, "/dev/null", O_RDWR, 0))
    }

    func closeRest() throws(Errno) {
        for number in 3..<max(3, lowest) where !targets.contains(number) {
            try Errno.checkReturned(posix_spawn_file_actions_addclose(actions, number))
        }
        try Errno.checkReturned(posix_spawn_file_actions_addclosefrom_np(actions, lowest))
    }

    func enter(_ folder: String) throws(Errno) {
        try Errno.checkReturned(posix_spawn_file_actions_addchdir_np(actions, folder))
    }
}

private final class Attributes {
    let attributes = UnsafeMutablePointer<posix_spawnattr_t>.allocate(capacity: 1)

    init() throws(Errno) {
        try Errno.checkReturned(posix_spawnattr_init(attributes))
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        try Errno.checkReturned(posix_spawnattr_setflags(attributes, Int16(flags)))
        try Errno.checkReturned(posix_spawnattr_setpgroup(attributes, 0))
        var none = sigset_t()
        sigemptyset(&none)
        try Errno.checkReturned(posix_spawnattr_setsigmask(attributes, &none))
        var all = sigset_t()
        sigfillset(&all)
        try Errno.checkReturned(posix_spawnattr_setsigdefault(attributes, &all))
    }

    deinit {
        posix_spawnattr_destroy(attributes)
        attributes.deallocate()
    }
}

/// A null-terminated array of C strings, alive as long as this.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
