import Core
import Synchronization

/// The line a person watches: a bar at a terminal, elsewhere a line at each change of word.
final class UploadProgress: Sendable {
    private struct State {
        var size: Int64 = 0
        var chunks: [Int64: Int64] = [:]
        var began = ContinuousClock.now
        var shown: ContinuousClock.Instant?
        var word = ""
    }

    let name: String
    private let isQuiet: Bool
    private let state = Mutex(State())

    init(name: String, isQuiet: Bool) {
        self.name = name
        self.isQuiet = isQuiet
    }

    func begin(size: Int64) {
        state.withLock {
            $0.size = size
            $0.began = .now
        }
        show("Sending", share: 0)
    }

    func sent(chunk: Int64, _ count: Int64) {
        let share = state.withLock { state in
            state.chunks[chunk] = max(count, state.chunks[chunk] ?? 0)
            return state.size > 0 ? Double(state.chunks.values.reduce(0, +)) / Double(state.size) : 0
        }
        // Nothing shows 100 % before Ready.
        show("Sending", share: min(0.99, share))
    }

    func show(_ word: String, share: Double) {
        guard !isQuiet else { return }
        let line = state.withLock { state -> String? in
            let now = ContinuousClock.now
            let isNew = word != state.word
            guard Terminal.errorIsTerminal else {
                defer { state.word = word }
                return isNew ? "\(name)  \(word)\n" : nil
            }
            if !isNew, let shown = state.shown, now - shown < .milliseconds(100) { return nil }
            (state.shown, state.word) = (now, word)
            return "\r\u{1B}[K" + bar(word, share, state)
        }
        if let line { Terminal.error(line) }
    }

    private func bar(_ word: String, _ share: Double, _ state: State) -> String {
        let filled = Int(share * 20)
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
        var line = "\(cut(name, to: 24))  \(Int(share * 100)) %  [\(bar)]"
        if word == "Sending" {
            let done = Double(state.chunks.values.reduce(0, +))
            let rate = done / max(0.001, (ContinuousClock.now - state.began).inSeconds)
            line += "  \(size(done))/\(size(Double(state.size)))  \(size(rate))/s"
            if rate > 0 { line += "  \(Int((Double(state.size) - done) / rate)) s left" }
        }
        return String((line + "  \(word)").prefix(max(20, Terminal.width - 1)))
    }

    func clear() {
        if Terminal.errorIsTerminal, !isQuiet { Terminal.error("\r\u{1B}[K") }
    }

    func end(_ result: UploadResult) {
        guard !isQuiet else { return }
        clear()
        switch result.state {
        case "ready":
            Terminal.error(
                "\(name)  Ready in \(tenths(result.took)) s (\(tenths(result.sinceLastByte)) s after the last byte)  \(result.track)\n"
            )
            if let url = result.url { Terminal.out(url + "\n") }
        case "failed", "quarantined": break
        default: Terminal.error("\(name)  accepted  \(result.track)\n")
        }
    }

    private func tenths(_ duration: Duration) -> String {
        let tenths = Int((duration.inSeconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func size(_ bytes: Double) -> String {
        let tenths = Int((bytes / 100_000).rounded())
        return tenths >= 1000 ? "\(tenths / 10) MB" : "\(tenths / 10).\(tenths % 10) MB"
    }

    /// Long names lose their middle: both ends tell files apart.
    private func cut(_ name: String, to width: Int) -> String {
        guard name.count > width else { return name }
        return name.prefix(width / 2 - 1) + "…" + name.suffix(width - width / 2)
    }
}
