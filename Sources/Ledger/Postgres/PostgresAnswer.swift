import CPostgres
import Core

/// What one command yielded: rows, and how many it changed.
struct PostgresAnswer {
    var rows: [SQLRow] = []
    var changed = 0
    /// What the server calls what it did: `COMMIT`, `UPDATE 1`.
    var tag = ""

    init() {}

    init(_ result: OpaquePointer) {
        let columns = PQnfields(result)
        let types = (0..<columns).map { Column(PQftype(result, $0)) }
        rows = (0..<PQntuples(result)).map { row in
            SQLRow((0..<columns).map { Self.value(result, row, $0, types[Int($0)]) })
        }
        tag = PQcmdStatus(result).map { String(cString: $0) } ?? ""
        // Empty for what changes nothing.
        changed = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    private enum Column {
        case integer, real, flag, bytes, text

        /// The server's own numbers of its types (pg_type.dat), fixed for good.
        init(_ type: Oid) {
            self =
                switch type {
                case 20, 21, 23: .integer
                case 700, 701, 1700: .real
                case 16: .flag
                case 17: .bytes
                default: .text
                }
        }
    }

    private static func value(_ result: OpaquePointer, _ row: Int32, _ column: Int32, _ type: Column) -> SQLValue {
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else { return .null }
        let count = Int(PQgetlength(result, row, column))
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        switch type {
        case .integer: return .integer(integer(bytes))
        case .real: return .real(Double(String(decoding: bytes, as: UTF8.self)) ?? .nan)
        case .flag: return .integer(bytes.first == UInt8(ascii: "t") ? 1 : 0)
        case .bytes: return .bytes(unhexed(bytes))
        case .text: return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// `\x00ff`, as the server writes bytes since its version 9.
    private static func unhexed(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        let digits = text.dropFirst(2).map { $0 < UInt8(ascii: "a") ? $0 &- UInt8(ascii: "0") : $0 &- 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Of the server's own digits, which never overflow their type.
    private static func integer(_ digits: UnsafeRawBufferPointer) -> Int64 {
        var number: Int64 = 0
        for digit in digits where digit != UInt8(ascii: "-") { number = number &* 10 &- Int64(digit &- 48) }
        return digits.first == UInt8(ascii: "-") ? number : 0 &- number
    }
}

/// The values of one statement as C strings, which live as long as the call that sends them.
enum PostgresParameters {
    typealias Pointers = UnsafePointer<UnsafePointer<CChar>?>

    static func with(
        _ values: [SQLValue], _ body: (Int32, Pointers?) -> Int32
    ) throws(LedgerFailure) -> Int32 {
        guard !values.isEmpty else { return body(0, nil) }
        var bytes: [CChar] = []
        var starts: [Int?] = []
        for value in values {
            switch value {
            case .null:
                starts.append(nil)
                continue
            case .integer(let number): append(String(number), to: &bytes, &starts)
            case .real(let number): append("\(number)", to: &bytes, &starts)
            case .text(let text):
                // As a C string it would be cut there, and PostgreSQL has no such texts.
                guard !text.utf8.contains(0) else {
                    throw LedgerFailure(.program, "A text with a null character cannot be kept in PostgreSQL.")
                }
                append(text, to: &bytes, &starts)
            case .bytes(let plain): append(hexed(plain), to: &bytes, &starts)
            }
        }
        return bytes.withUnsafeBufferPointer { buffer in
            let pointers: [UnsafePointer<CChar>?] = starts.map { start in
                start.flatMap { start in buffer.baseAddress.map { $0 + start } }
            }
            return pointers.withUnsafeBufferPointer { body(Int32(values.count), $0.baseAddress) }
        }
    }

    private static func hexed(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = Array("\\x".utf8)
        text.reserveCapacity(2 + 2 * bytes.count)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ text: String, to bytes: inout [CChar], _ starts: inout [Int?]) {
        starts.append(bytes.count)
        for byte in text.utf8 { bytes.append(CChar(bitPattern: byte)) }
        bytes.append(0)
    }
}
