import Synchronization

/// Folders in which somebody made a folder and has not synced that yet: whoever puts something below it must, or what it
/// was told is durable could lose the way there.
final class UnsyncedFolders: Sendable {
    private struct State {
        var folders: [String: Int] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// To be told before the folder is made, or a neighbour could find it made and nothing said.
    func note(_ folder: String) {
        state.withLock {
            $0.count += 1
            $0.folders[folder] = $0.count
        }
    }

    func filter(_ folders: [String]) -> [String] {
        state.withLock { state in folders.filter { state.folders[$0] != nil } }
    }

    /// What was made while the sync ran is not covered by it.
    func sync<E: Error>(_ folder: String, _ body: () throws(E) -> Void) throws(E) {
        let mark = state.withLock { $0.folders[folder] }
        try body()
        state.withLock { if $0.folders[folder] == mark { $0.folders[folder] = nil } }
    }
}
