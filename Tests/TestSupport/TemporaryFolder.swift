import Platform

/// A folder of the test's own, which is gone after it, whatever became of the test.
package func withTemporaryFolder<T>(_ body: (String) async throws -> T) async throws -> T {
    let path = "/tmp/sluice-test-\(UInt64.random(in: 0 ... .max))"
    try Files.makeFolder(path)
    do {
        let result = try await body(path)
        try Files.removeTree(path)
        return result
    } catch {
        // What the test threw says more than a folder that stays.
        try? Files.removeTree(path)
        throw error
    }
}

/// Removes the folders `/tmp/NAME-PID-…` of processes that were killed before they could do it.
func removeLeftovers(_ name: String) throws {
    for folder in try Files.list("/tmp") where folder.hasPrefix(name + "-") {
        let parts = folder.dropFirst(name.count + 1).split(separator: "-")
        guard parts.count == 2, !Files.exists("/proc/\(parts[0])") else { continue }
        // Two servers that start together find the same folder. The second one finds only a part of it, or nothing.
        try? Files.removeTree("/tmp/\(folder)")
    }
}
