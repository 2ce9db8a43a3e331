/// Puts a response's head together from the lines libcurl hands over, one by one. Interim answers are forgotten, and
/// trailers come too late to count.
struct HeadReader {
    private(set) var status = 0
    private(set) var fields = ClientFields()
    private(set) var isComplete = false
    private var size = 0

    /// Many times what honest servers send.
    static let sizeLimit = 65_536

    /// False when the head is longer than anyone needs.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Bool {
        guard !isComplete else { return true }
        size += line.count
        guard size <= Self.sizeLimit else { return false }
        // Bytes, for this runs for every field of every answer.
        if line.starts(with: Self.version) {
            let digits = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().prefix(3)
            status = Int(String(decoding: digits, as: UTF8.self)) ?? 0
            fields = ClientFields()
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            fields.append(Self.trimmed(line[..<colon]), Self.trimmed(line[(colon + 1)...]))
        } else if line.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) {
            isComplete = status >= 200 || status == 101
        }
        return true
    }

    private static let version = Array("HTTP/".utf8)

    /// Without the white space at its ends, the end of the line among it.
    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        var bytes = bytes
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
