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
