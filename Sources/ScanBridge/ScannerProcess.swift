internal import CLinux
internal import Glibc
import Platform

/// The process of `sluice-scan`. Its parent-death signal follows the thread that makes it, so that thread must last as long.
final class ScannerProcess: Sendable {
    private static let control: Int32 = 3
    private static let environment: [String] = ["LANG=C", "PATH=/usr/bin:/bin"]

    private let process: Int32
    private let handle: FileDescriptor

    init(_ configuration: ScanConfiguration, control: Int32, folder: String) throws(Errno) {
        var arguments = [
            configuration.program, "--control", "\(Self.control)", "--parent", "\(getpid())", "--scratch", folder,
        ]
        if let database = configuration.database { arguments += ["--database", database] }
        if !configuration.sandbox { arguments.append("--unsafe-no-sandbox") }
        process = try Self.spawn(configuration.program, arguments, control: control)
        let raw = sluice_open_pidfd(process)
        let code = errno
        guard raw >= 0 else {
            Glibc.kill(process, SIGKILL)
            waitpid(process, nil, 0)
            throw Errno(code: code)
        }
        handle = FileDescriptor(owning: raw)
    }

    /// Readable once the process has ended.
    var ended: Int32 { handle.raw }

    /// Safe until `end`: an ended process keeps its number until it is waited for.
    func kill() { Glibc.kill(process, SIGKILL) }

    /// Called once, by the last owner.
    func end() {
        kill()
        while waitpid(process, nil, 0) < 0 && errno == EINTR {}
    }

    private static func spawn(_ program: String, _ arguments: [String], control: Int32) throws(Errno) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        // Every other descriptor of ours closes by itself; this also takes that mark off the copy.
        posix_spawn_file_actions_adddup2(&actions, control, Self.control)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A group of its own: what a terminal sends to the service's group is for the service to deal with.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = Self.environment.map { strdup($0) } + [nil]
        defer { (words + environment).forEach { free($0) } }
        var process: Int32 = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &words, &environment)
        guard code == 0 else { throw Errno(code: code) }
        return process
    }
}
