import Core
import Synchronization

/// The line a person watches while many files are copied: at a terminal ten times a second, elsewhere each half minute.
final class CopyProgress: Sendable {
    private struct State {
        var done = 0
        var bytes: Int64 = 0
        var shown: ContinuousClock.Instant
    }

    private let files: Int
    private let bytes: Int64
    private let isQuiet: Bool
    private let began = ContinuousClock.now
    private let state: Mutex<State>

    init(files: Int, bytes: Int64, isQuiet: Bool) {
        self.files = files
        self.bytes = bytes
        self.isQuiet = isQuiet
        state = Mutex(State(shown: began))
    }

    func add(_ count: Int64) {
        state.withLock { $0.bytes = $0.bytes.clampedSum(count) }
        show()
    }

    func fileEnded() {
        state.withLock { $0.done += 1 }
        show()
    }

    private func show() {
        guard !isQuiet else { return }
        let line = state.withLock { state -> String? in
            let now = ContinuousClock.now
            let pause = Terminal.errorIsTerminal ? Duration.milliseconds(100) : .seconds(30)
            guard now - state.shown >= pause else { return nil }
            state.shown = now
            return text(state)
        }
        guard let line else { return }
        Terminal.error(
            Terminal.errorIsTerminal ? "\r\u{1B}[K" + String(line.prefix(max(20, Terminal.width - 1))) : line + "\n")
    }

    private func text(_ state: State) -> String {
        let rate = Double(state.bytes) / max(0.001, (ContinuousClock.now - began).inSeconds)
        // Nothing shows 100 % before the last file has ended.
        let share = bytes > 0 ? Int64(clamping: min(99, Double(state.bytes) * 100 / Double(bytes))) : 0
        let left = rate > 0 ? "  \(Int64(clamping: Double(max(0, bytes - state.bytes)) / rate)) s left" : ""
        return "\(state.done)/\(files) files  \(share) %  \(ByteText.of(state.bytes))/\(ByteText.of(bytes))"
            + "  \(ByteText.of(Int64(clamping: rate)))/s\(left)"
    }

    func end(failed: Int) {
        guard !isQuiet else { return }
        if Terminal.errorIsTerminal { Terminal.error("\r\u{1B}[K") }
        let (done, bytes) = state.withLock { ($0.done, $0.bytes) }
        let seconds = (ContinuousClock.now - began).inSeconds
        let rate = ByteText.of(Int64(clamping: Double(bytes) / max(0.001, seconds)))
        Terminal.error(
            "Copied \(done) of \(files) files, \(ByteText.of(bytes)), \(rate)/s\(failed > 0 ? "; \(failed) failed" : "")\n"
        )
    }
}
