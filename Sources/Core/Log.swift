/// One line an event, with the ids that tell its story. A value that is handed down; where lines go is the sink's business.
package struct Log: Sendable {
    package enum Level: String, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error

        private var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }

        package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
    }

    package enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    private let format: Format
    private let level: Level
    private let time: any TimeSource
    private let sink: @Sendable ([UInt8]) -> Void

    package init(
        format: Format, level: Level, time: any TimeSource = SystemTime(), sink: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.format = format
        self.level = level
        self.time = time
        self.sink = sink
    }

    /// Its fields are made only where they are wanted.
    package func debug(_ event: String, _ fields: @autoclosure () -> [(String, String)] = []) {
        if level <= .debug { write(.debug, event, fields()) }
    }
    package func info(_ event: String, _ fields: [(String, String)] = []) { write(.info, event, fields) }
    package func warning(_ event: String, _ fields: [(String, String)] = []) { write(.warning, event, fields) }
    package func error(_ event: String, _ fields: [(String, String)] = []) { write(.error, event, fields) }

    private func write(_ level: Level, _ event: String, _ fields: [(String, String)]) {
        guard level >= self.level else { return }
        let now = time.now
        switch format {
        case .json:
            var members: [(String, JSON)] = [
                ("time", .string(now.description)), ("level", .string(level.rawValue)), ("event", .string(event)),
            ]
            members += fields.map { ($0, .string($1)) }
            sink(JSON.object(members).bytes + [0x0A])
        case .text:
            let clock = now.description.dropFirst(11).prefix(8)
            let rest = fields.map { " \($0)=\(Self.plain($1))" }.joined()
            sink(Array("\(clock) \(level == .info ? "" : level.rawValue + " ")\(event)\(rest)\n".utf8))
        }
    }

    /// What strangers sent must not look like a line of ours.
    private static func plain(_ text: String) -> String {
        let safe = String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
        return safe.contains(" ") || safe.isEmpty ? "\"\(safe)\"" : safe
    }
}
