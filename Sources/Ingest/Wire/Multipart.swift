/// Reads a `multipart/form-data` body (RFC 7578) from pieces of any size, without keeping a file's bytes. A pure value;
/// whoever reads the body owns it. Stricter than RFC 2046 where readers differ: no preamble, no padding after a
/// boundary, nothing but line ends after the last one.
///
///     opening ─▶ head ─▶ start ─▶ content ─▶ delimiter ─▶ head …
///                                                └──────▶ closed
package struct Multipart: Sendable {
    package enum Event: Equatable, Sendable {
        case part(Head)
        case bytes([UInt8])
        case endOfPart
    }

    package struct Head: Equatable, Sendable {
        package let name: String
        package let filename: String?
        package let contentType: String?
    }

    package static let headLimit = 8_192
    package static let partLimit = 64

    private enum State {
        case opening, head, start, content, delimiter, closed
    }

    private let dashBoundary: [UInt8]
    /// What ends a part: the line end before a boundary belongs to it (RFC 2046 §5.1.1).
    private let ending: [UInt8]
    private var state = State.opening
    private var pending: [UInt8] = []
    private var parts = 0

    /// Nil where the media type is another, or its boundary is none (RFC 2046 §5.1.1: 1 to 70 characters).
    package init?(contentType: String) {
        guard let field = ParameterizedField(contentType), field.value == "multipart/form-data",
            let boundary = field.parameters["boundary"], (1...70).contains(boundary.utf8.count),
            boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), boundary.utf8.last != 0x20
        else { return nil }
        dashBoundary = Array("--\(boundary)".utf8)
        ending = Array("\r\n".utf8) + dashBoundary
    }

    package var isClosed: Bool { state == .closed }

    /// What the next piece of the body holds, in order.
    package mutating func feed(_ bytes: [UInt8]) throws(MultipartFailure) -> [Event] {
        pending += bytes
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// True as long as there is more to be had from what is pending.
    private mutating func step(_ events: inout [Event]) throws(MultipartFailure) -> Bool {
        switch state {
        case .opening:
            guard pending.count >= dashBoundary.count else { return false }
            guard pending.starts(with: dashBoundary) else { throw .noBoundary }
            pending.removeFirst(dashBoundary.count)
            state = .delimiter
            return true
        case .delimiter:
            return try afterBoundary()
        case .head:
            return try head(&events)
        case .start:
            return try start()
        case .content:
            return content(&events)
        case .closed:
            guard pending.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) else { throw .bytesAfterTheEnd }
            pending = []
            return false
        }
    }

    private mutating func afterBoundary() throws(MultipartFailure) -> Bool {
        guard pending.count >= 2 else { return false }
        switch (pending[0], pending[1]) {
        case (0x2D, 0x2D): state = .closed
        case (0x0D, 0x0A):
            parts += 1
            guard parts <= Self.partLimit else { throw .tooManyParts }
            state = .head
        default: throw .noBoundary
        }
        pending.removeFirst(2)
        return true
    }

    private mutating func head(_ events: inout [Event]) throws(MultipartFailure) -> Bool {
        // A part without any field begins with the empty line itself.
        guard let end = pending.starts(with: [0x0D, 0x0A]) ? -2 : firstIndex(of: [0x0D, 0x0A, 0x0D, 0x0A], from: 0)
        else {
            guard pending.count <= Self.headLimit else { throw .headTooLong }
            return false
        }
        guard end <= Self.headLimit else { throw .headTooLong }
        events.append(.part(try Self.head(pending[..<max(0, end)])))
        pending.removeFirst(end + 4)
        state = .start
        return true
    }

    /// A part that begins with its own boundary is content to some readers, and to others an empty part: the blank line
    /// before it ends a head, and begins a delimiter as well.
    private mutating func start() throws(MultipartFailure) -> Bool {
        let begun = min(pending.count, dashBoundary.count)
        guard pending[..<begun].elementsEqual(dashBoundary[..<begun]) else {
            state = .content
            return true
        }
        guard begun < dashBoundary.count else { throw .boundaryInContent }
        return false
    }

    private mutating func content(_ events: inout [Event]) -> Bool {
        if let end = firstIndex(of: ending, from: 0) {
            if end > 0 { events.append(.bytes(Array(pending[..<end]))) }
            events.append(.endOfPart)
            pending.removeFirst(end + ending.count)
            state = .delimiter
            return true
        }
        // The tail may be the beginning of a boundary.
        let safe = pending.count - (ending.count - 1)
        if safe > 0 {
            events.append(.bytes(Array(pending[..<safe])))
            pending.removeFirst(safe)
        }
        return false
    }

    private func firstIndex(of pattern: [UInt8], from start: Int) -> Int? {
        guard let first = pattern.first else { return nil }
        var index = start
        while index + pattern.count <= pending.count {
            if pending[index] == first, pending[index..<index + pattern.count].elementsEqual(pattern) { return index }
            index += 1
        }
        return nil
    }

    private static func head(_ bytes: ArraySlice<UInt8>) throws(MultipartFailure) -> Head {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .badHead("it is not UTF-8") }
        var disposition: ParameterizedField?
        var contentType: String?
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: false) where !bytes.isEmpty {
            // A name that is no token is how a field is shown to one reader and hidden from another.
            guard let colon = line.firstIndex(of: ":"), FieldScanner.isToken(line[..<colon]), !line.utf8.contains(0x0D),
                !line.utf8.contains(0x0A), !line.utf8.contains(0)
            else { throw .badHead("a line of it is no field") }
            let value = String(line[line.index(after: colon)...])
            switch line[..<colon].lowercased() {
            case "content-disposition":
                guard disposition == nil, let field = ParameterizedField(value) else {
                    throw .badHead("its Content-Disposition is not well formed")
                }
                disposition = field
            case "content-type":
                guard contentType == nil else { throw .badHead("it has two Content-Type fields") }
                contentType = value.split(separator: " ").joined(separator: " ")
            case "content-transfer-encoding":
                guard ["binary", "8bit", "7bit"].contains(value.split(separator: " ").joined().lowercased()) else {
                    throw .badHead("its Content-Transfer-Encoding is not binary (RFC 7578 §4.7)")
                }
            default: break
            }
        }
        guard let disposition, disposition.value == "form-data", let name = disposition.parameters["name"],
            disposition.parameters["name*"] == nil
        else {
            throw .badHead("it has no Content-Disposition: form-data with a name")
        }
        return Head(name: name, filename: disposition.filename, contentType: contentType)
    }
}

/// Why a body is no form; always the client's, and final.
package enum MultipartFailure: Error, Equatable, Sendable {
    case noBoundary, headTooLong, tooManyParts, bytesAfterTheEnd, boundaryInContent
    case badHead(String)

    package var message: String {
        switch self {
        case .noBoundary: "The form does not begin, or go on, with its boundary."
        case .headTooLong: "The fields of a part are longer than \(Multipart.headLimit) bytes."
        case .tooManyParts: "The form has more than \(Multipart.partLimit) parts."
        case .bytesAfterTheEnd: "Bytes follow the last boundary."
        case .boundaryInContent: "A part begins with the boundary of the form."
        case .badHead(let why): "A part of the form cannot be read: \(why)."
        }
    }
}
