import Platform
import Synchronization

/// The lines a child writes, read by a thread of their own as they come, kept, and waited for by what they contain. A wait
/// ends with the line, with the end of the child's output, or with the waiting task: a test's time limit is its deadline.
package final class LogLines: Sendable {
    private struct Waiter {
        let id: UInt64
        let matches: @Sendable (String) -> Bool
        let continuation: CheckedContinuation<String?, Never>
    }

    private struct State {
        var lines: [String] = []
        var isOver = false
        var nextID: UInt64 = 0
        var waiters: [Waiter] = []
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    package init() {}

    package var all: [String] { state.withLock(\.lines) }
    package var tail: String { all.suffix(8).joined(separator: "\n") }

    /// Reads to the end; `onLine` runs on the reader's thread before anybody who waits hears of the line.
    func follow(_ pipe: consuming FileDescriptor, onLine: @escaping @Sendable (String) -> Void) throws {
        let shared = SharedDescriptor(pipe)
        _ = try OSThread(name: "test-lines") { [self] in
            var rest: [UInt8] = []
            while let bytes = Self.next(shared) {
                rest += bytes
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeSubrange(...end)
                    onLine(line)
                    add(line)
                }
            }
            finish()
        }
    }

    private static func next(_ pipe: SharedDescriptor) -> [UInt8]? {
        while true {
            do throws(Errno) {
                switch try pipe.descriptor.readAvailable(upTo: 65_536) {
                case .bytes(let bytes): return bytes
                case .end: return nil
                case .wouldBlock:
                    var set = PollSet()
                    set.add(pipe.raw, .read)
                    _ = try set.wait()
                }
            } catch {
                return nil
            }
        }
    }

    private func add(_ line: String) {
        let woken = state.withLock { state in
            state.lines.append(line)
            let woken = state.waiters.filter { $0.matches(line) }
            state.waiters.removeAll { waiter in woken.contains { $0.id == waiter.id } }
            return woken
        }
        for waiter in woken { waiter.continuation.resume(returning: line) }
    }

    private func finish() {
        let left = state.withLock { state in
            state.isOver = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in left { waiter.continuation.resume(returning: nil) }
    }

    /// The first line that matches, also one that came before; nil when the child's output ended without it.
    package func first(where matches: @escaping @Sendable (String) -> Bool) async throws -> String? {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let line = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (answer, isSettled) = state.withLock { state -> (String?, Bool) in
                    if let line = state.lines.first(where: matches) { return (line, true) }
                    if state.isOver || state.cancelled.remove(id) != nil { return (nil, true) }
                    state.waiters.append(Waiter(id: id, matches: matches, continuation: continuation))
                    return (nil, false)
                }
                if isSettled { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume(returning: nil)
        }
        try Task.checkCancellation()
        return line
    }
}
