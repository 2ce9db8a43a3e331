import Core
import Synchronization

/// What people watch while files go: on a terminal a line a file, drawn anew ten times a second; elsewhere a line at each
/// change of word and each 30 s. It is the one that writes while files go, so that lines do not run into one another. Safe
/// from any task.
final class ProgressBoard: Sendable {
    private struct Row {
        var line: ProgressLine
        var meter = UploadRate()
        var plainAt: ContinuousClock.Instant
        var plainWord = ""
        /// Of this run, for the rate: what the server had before is not fast.
        var offset: Int64 = 0
    }

    private struct State {
        var rows: [Int: Row] = [:]
        var drawn = 0
    }

    let isQuiet: Bool
    private let isTerminal: Bool
    private let nameWidth: Int
    private let state = Mutex(State())

    init(names: [String], isQuiet: Bool) {
        self.isQuiet = isQuiet
        isTerminal = Terminal.errorIsTerminal && Sluice.environment["TERM"] != "dumb"
        nameWidth = min(24, names.map { ProgressLine.cut($0, to: 24).count }.max() ?? 24)
    }

    /// Until it is cancelled.
    func run() async {
        guard !isQuiet else { return }
        // Ends by its cancellation.
        while (try? await Task.sleep(for: .milliseconds(100))) != nil { tick() }
    }

    func begin(_ file: Int, name: String, size: Int64, present: Int64) {
        state.withLock { state in
            let line = ProgressLine(name: name, nameWidth: nameWidth, word: "Sending", sent: present, size: size)
            let before = state.rows[file]
            state.rows[file] = Row(
                line: line, plainAt: before?.plainAt ?? .now, plainWord: before?.plainWord ?? "", offset: present)
        }
        if !isTerminal { tick() }
    }

    func sent(_ file: Int, _ bytes: Int64) {
        state.withLock { state in
            guard var row = state.rows[file] else { return }
            row.line.sent = bytes
            row.line.share = row.line.size > 0 ? Double(bytes) / Double(row.line.size) : 0
            state.rows[file] = row
        }
    }

    func show(_ file: Int, _ word: String, share: Double? = nil) {
        state.withLock { state in
            state.rows[file]?.line.word = word
            if let share { state.rows[file]?.line.share = share }
        }
    }

    func note(_ file: Int, _ text: String?) { state.withLock { $0.rows[file]?.line.note = text } }

    /// The last of a file: what stays on the screen, on each of the two streams.
    func end(_ file: Int, error: String?, out: String?) {
        state.withLock { state in
            state.rows[file] = nil
            erase(&state)
            if let error { Terminal.error(error) }
            if let out { Terminal.out(out) }
            draw(&state)
        }
    }

    /// The files under way with what of each is there, the drawing taken away: the run is over.
    func stop() -> [(name: String, sent: Int64, size: Int64)] {
        state.withLock { state in
            erase(&state)
            defer { state.rows = [:] }
            return state.rows.sorted { $0.key < $1.key }.map {
                ($0.value.line.name, $0.value.line.sent, $0.value.line.size)
            }
        }
    }

    /// A line a file at once, whatever the terminal: SIGUSR1 asks for it.
    func report() {
        state.withLock { state in
            erase(&state)
            for (_, row) in state.rows.sorted(by: { $0.key < $1.key }) { Terminal.error(row.line.plain + "\n") }
            draw(&state)
        }
    }

    private func tick() {
        guard !isQuiet else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            for (file, var row) in state.rows {
                row.meter.measure(row.line.sent - row.offset, at: now)
                row.line.rate = row.meter.perSecond
                if !isTerminal, row.line.word != row.plainWord || now - row.plainAt >= .seconds(30) {
                    Terminal.error(row.line.plain + "\n")
                    (row.plainWord, row.plainAt) = (row.line.word, now)
                }
                state.rows[file] = row
            }
            guard isTerminal else { return }
            erase(&state)
            draw(&state)
        }
    }

    private func erase(_ state: inout State) {
        guard isTerminal, state.drawn > 0 else { return }
        // Up to the first line of the drawing, and all from there away.
        Terminal.error("\u{1B}[\(state.drawn)A\r\u{1B}[J")
        state.drawn = 0
    }

    private func draw(_ state: inout State) {
        guard isTerminal, !isQuiet, !state.rows.isEmpty else { return }
        let (width, height) = (max(20, Terminal.width - 1), max(2, Terminal.height - 1))
        var lines = state.rows.sorted { $0.key < $1.key }.map { $0.value.line.text(width: width) }
        if lines.count > height {
            let hidden = lines.count - height + 1
            lines = lines.prefix(height - 1) + ["and \(hidden) more"]
        }
        Terminal.error(lines.map { $0 + "\n" }.joined())
        state.drawn = lines.count
    }
}
