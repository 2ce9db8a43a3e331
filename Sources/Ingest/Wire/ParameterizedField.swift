/// A field value with parameters: `form-data; name="file"; filename*=UTF-8''na%C3%AFve.flac` (RFC 9110 §5.6.6, RFC 6266,
/// RFC 8187). Parsed strictly: what two readers could take differently is nil.
package struct ParameterizedField: Equatable, Sendable {
    package let value: String
    package let parameters: [String: String]

    package init?(_ text: String) {
        var scanner = FieldScanner(text)
        guard let value = scanner.upTo(";") else { return nil }
        self.value = value.lowercased()
        guard !self.value.isEmpty else { return nil }
        var parameters: [String: String] = [:]
        while scanner.skip(";") {
            scanner.skipSpace()
            if scanner.isAtEnd { break }  // a trailing `;` is seen in the wild, and means nothing else
            guard let name = scanner.token()?.lowercased(), scanner.skip("=") else { return nil }
            guard let content = scanner.tokenOrQuoted(), parameters[name] == nil else { return nil }
            parameters[name] = content
            scanner.skipSpace()
        }
        guard scanner.isAtEnd else { return nil }
        self.parameters = parameters
    }

    /// The file's name: the extended form first (RFC 6266 §4.3), never more than its last path part, since some clients
    /// send the whole path.
    package var filename: String? {
        if let extended = parameters["filename*"] { return Self.decode(extended: extended).flatMap(lastPart) }
        return parameters["filename"].flatMap(lastPart)
    }

    private static func decode(extended: String) -> String? {
        let parts = extended.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return percentDecoded(parts[2])
    }
}

private func lastPart(_ name: String) -> String? {
    name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init)
}

private func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else { return nil }
        bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
}
