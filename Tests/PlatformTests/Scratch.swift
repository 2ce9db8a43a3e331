import Platform
import Testing

/// A folder of the test's own, gone when the test lets go of it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = "/tmp/platform-\(UInt64.random(in: 0 ... .max))"
        try Files.makeFolder(path)
    }

    deinit {
        do { try Files.removeTree(path) } catch { Issue.record(error) }
    }

    subscript(_ name: String) -> String { path + "/" + name }
}
