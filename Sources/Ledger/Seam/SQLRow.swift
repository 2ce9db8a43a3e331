import Core

/// One row, read column by column in the order of its select. What does not fit its type means a damaged ledger, and
/// says so instead of trapping.
package struct SQLRow: Sendable {
    private let values: [SQLValue]
    private var column = 0

    package init(_ values: [SQLValue]) { self.values = values }

    private mutating func next() throws(LedgerFailure) -> SQLValue {
        guard column < values.count else { throw damaged("a value") }
        defer { column += 1 }
        return values[column]
    }

    mutating func optionalText() throws(LedgerFailure) -> String? {
        switch try next() {
        case .text(let text): text
        case .null: nil
        case .integer, .real, .bytes: throw damaged("text")
        }
    }

    mutating func optionalInteger() throws(LedgerFailure) -> Int64? {
        switch try next() {
        case .integer(let number): number
        case .null: nil
        case .text, .real, .bytes: throw damaged("a whole number")
        }
    }

    mutating func real() throws(LedgerFailure) -> Double {
        switch try next() {
        case .real(let number): number
        case .integer(let number): Double(number)
        case .null, .text, .bytes: throw damaged("a number")
        }
    }

    mutating func text() throws(LedgerFailure) -> String {
        guard let text = try optionalText() else { throw damaged("text") }
        return text
    }

    mutating func bytes() throws(LedgerFailure) -> [UInt8] {
        guard case .bytes(let bytes) = try next() else { throw damaged("bytes") }
        return bytes
    }

    mutating func integer() throws(LedgerFailure) -> Int64 {
        guard let number = try optionalInteger() else { throw damaged("a whole number") }
        return number
    }

    mutating func int() throws(LedgerFailure) -> Int { Int(try integer()) }
    mutating func flag() throws(LedgerFailure) -> Bool { try integer() != 0 }
    mutating func time() throws(LedgerFailure) -> Timestamp { Timestamp(microseconds: try integer()) }

    mutating func optionalTime() throws(LedgerFailure) -> Timestamp? {
        try optionalInteger().map { Timestamp(microseconds: $0) }
    }

    mutating func id<ID: Identifier>() throws(LedgerFailure) -> ID { ID(checked: try text()) }

    mutating func optionalID<ID: Identifier>() throws(LedgerFailure) -> ID? {
        try optionalText().map { ID(checked: $0) }
    }

    mutating func user() throws(LedgerFailure) -> UserID {
        guard let user = UserID(try text()) else { throw damaged("a user") }
        return user
    }

    mutating func state<State: RawRepresentable<String>>() throws(LedgerFailure) -> State {
        guard let state = try optionalState(State.self) else { throw damaged("a \(State.self)") }
        return state
    }

    mutating func optionalState<State: RawRepresentable<String>>(
        _: State.Type = State.self
    ) throws(LedgerFailure) -> State? {
        guard let text = try optionalText() else { return nil }
        guard let state = State(rawValue: text) else { throw damaged("a \(State.self)") }
        return state
    }

    private func damaged(_ expected: String) -> LedgerFailure {
        LedgerFailure(.corrupt, "A ledger row holds no \(expected) in column \(column).")
    }
}
