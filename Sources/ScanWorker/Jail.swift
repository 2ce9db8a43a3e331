import CJail
import Glibc
import Platform

/// The jail of a scanning child: its own folder, no sockets, no programs, no new code.
enum Jail {
    /// Beyond the engine itself: the file as mapped, what is unpacked, and room for both twice.
    static let memory: UInt64 = 8 << 30
    /// A scan that writes more than it may read has gone astray.
    static let fileSize = UInt64(Engine.largestScan)
    static let openFiles: UInt64 = 256

    /// Nil if it holds; else what is missing, and the caller must not go on.
    static func enter(folder: String, deadline: Duration) -> String? {
        var rules = sluice_jail_rules()
        rules.profile = SLUICE_JAIL_SCANNER
        rules.parent = getppid()
        rules.memory = memory
        rules.file_size = fileSize
        rules.files = openFiles
        // Twice the deadline, by the processor's clock: the service's kill at one and a half is there before.
        rules.seconds = UInt64(max(1, deadline / .seconds(1))) * 2 + 1
        let result = folder.withCString { folder in
            [folder, nil].withUnsafeBufferPointer { writable in
                rules.write = writable.baseAddress
                return sluice_jail(&rules)
            }
        }
        guard result != 0 else { return nil }
        let code = Errno(code: errno)
        return "the jail cannot be built: \(sluice_jail_reason().map { String(cString: $0) } ?? "") (\(code))"
    }
}
