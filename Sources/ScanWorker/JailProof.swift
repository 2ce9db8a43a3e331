import CClamAV
import Glibc

/// Shows at the start that the jail keeps in what it must: each attempt is made by a child of its own, which is not to survive
/// a forbidden call.
enum JailProof {
    private static let refused: Int32 = 10
    private static let succeeded: Int32 = 11
    private static let noJail: Int32 = 12

    /// Nil if it holds.
    static func trouble(in folder: String) -> String? {
        // The outside file is one that everybody may read.
        check("reading outside of its folder", in: folder, isHeld: { $0 == refused << 8 }) {
            access("/etc/passwd", R_OK) == 0 && open("/etc/passwd", O_RDONLY) >= 0
        }
            ?? check("writing outside of its folder", in: folder, isHeld: { $0 == refused << 8 }) {
                open(folder + "/../jail-proof", O_CREAT | O_WRONLY, 0o600) >= 0
            }
            ?? check("opening a socket", in: folder, isHeld: wasKilled) {
                socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) >= 0
            }
            ?? check("starting a program", in: folder, isHeld: wasKilled, becomeTrue)
            ?? check("outliving the service", in: folder, isHeld: { $0 == refused << 8 }) {
                sluice_outlive_parent() == 0
            }
            ?? check("sending signals", in: folder, isHeld: { $0 == refused << 8 }) {
                fcntl(2, F_SETOWN, getppid()) == 0
            }
            ?? check("making code", in: folder, isHeld: wasKilled) {
                mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
            }
    }

    private static func wasKilled(_ status: Int32) -> Bool { status & 0x7f == SIGSYS }

    private static func becomeTrue() -> Bool {
        var arguments: [UnsafeMutablePointer<CChar>?] = [nil]
        return execv("/bin/true", &arguments) == 0
    }

    private static func check(
        _ what: String, in folder: String, isHeld: (Int32) -> Bool, _ attempt: () -> Bool
    ) -> String? {
        let process = sluice_fork()
        if process == 0 {
            guard Jail.enter(folder: folder, deadline: .seconds(10)) == nil else { _exit(noJail) }
            _exit(attempt() ? succeeded : refused)
        }
        var status: Int32 = 0
        guard process > 0, waitpid(process, &status, 0) == process else { return "the jail cannot be tried out" }
        if isHeld(status) { return nil }
        return status == noJail << 8 ? "the jail cannot be built" : "the jail does not hold: \(what) went through"
    }
}
