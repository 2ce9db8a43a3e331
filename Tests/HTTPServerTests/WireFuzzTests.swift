@testable import HTTPServer
import TestSupport
import Testing

/// Heads and chunked bodies from a corpus of mutations: nothing crashes, nothing depends on how the bytes are cut, and
/// what is accepted has one reading only, by a second, naive reader.
@Suite(.timeLimit(.minutes(5))) struct WireFuzzTests {
    private static let heads = Mutations(
        of: [
            "POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 12\r\n\r\n",
            "PATCH /files/up_1?token=x HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
            "PUT /v1/uploads/a/chunks/1 HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
            "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "POST http://h/p%20q HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        ],
        words: [
            "Content-Length: 5\r\n", "Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n",
            "Transfer-Encoding", "chunked", "identity", " Content-Length: 1\r\n", "Content-Length : 1\r\n",
            "\r\n X: folded",
            "HTTP/1.1", "HTTP/0.9", "/../", "/%2e%2e/", "Content-Length:+1\r\n", "Content_Length: 1\r\n",
        ], count: 60_000)

    @Test func `a head is read in one way, or refused`() {
        var accepted = 0
        for bytes in Self.heads {
            var parser = HeadParser(ServerConfiguration())
            guard case .head(let head) = parser.parse(bytes.span) else { continue }
            accepted += 1
            let why = Self.ambiguity(Array(bytes[..<head.byteCount]), head)
            #expect(why == nil, "\(why ?? ""): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        // The corpus must reach behind the front door.
        #expect(accepted > 5_000)
    }

    @Test func `a head is the same however it is cut`() {
        for (number, bytes) in Self.heads.enumerated() where number % 4 == 0 {
            var whole = HeadParser(ServerConfiguration())
            let verdict = whole.parse(bytes.span)
            var random = SplitMix(UInt64(number))
            let cut = Int.random(in: 0...bytes.count, using: &random)
            var parts = HeadParser(ServerConfiguration())
            let start = Array(bytes[..<cut])
            switch (verdict, parts.parse(start.span)) {
            case (.head(let head), .incomplete): #expect(cut < head.byteCount)
            case (.head(let head), .head(let early)): #expect(early.byteCount == head.byteCount)
            case (.head, .refused): Issue.record("refused early: \(bytes)")
            case (.incomplete, .incomplete), (.refused, .refused), (.refused, .incomplete): break
            case (.incomplete, _), (.refused, .head): Issue.record("accepted early: \(bytes)")
            }
        }
    }

    /// What a reader that splits at line ends and colons would take differently.
    private static func ambiguity(_ bytes: [UInt8], _ head: ParsedHead) -> String? {
        var rest = bytes[...]
        if rest.starts(with: [13, 10]) { rest = rest.dropFirst(2) }
        guard rest.suffix(4).elementsEqual([13, 10, 13, 10]) else { return "no blank line at its end" }
        let text = Array(rest.dropLast(4))
        var lines: [[UInt8]] = [[]]
        var index = 0
        while index < text.count {
            if text[index] == 13, index + 1 < text.count, text[index + 1] == 10 {
                lines.append([])
                index += 2
                continue
            }
            if text[index] == 13 || text[index] == 10 || text[index] == 0 { return "a bare CR, LF or NUL" }
            lines[lines.count - 1].append(text[index])
            index += 1
        }
        var (lengths, encodings, hosts) = ([String](), [String](), 0)
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: 0x3A), colon > 0 else { return "a line without a name" }
            if line[0] == 0x20 || line[0] == 0x09 || line[colon - 1] == 0x20 || line[colon - 1] == 0x09 {
                return "space around a name"
            }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
                .split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
            if name == "content-length" { lengths.append(value) }
            if name == "transfer-encoding" { encodings.append(value.lowercased()) }
            if name == "host" { hosts += 1 }
        }
        if lengths.count + encodings.count > 1 { return "two lengths" }
        if let length = lengths.first, Int64(length) != head.contentLength { return "another length" }
        if (encodings.first == "chunked") != head.isChunked || (encodings.first ?? "chunked") != "chunked" {
            return "another encoding"
        }
        return hosts > 1 || head.isModern && hosts == 0 ? "\(hosts) hosts" : nil
    }

    @Test func `a chunked body is the same however it is cut, and as a naive reader has it`() {
        let bodies = Mutations(
            of: [
                "5\r\nhello\r\n6;name=\"v\"\r\n world\r\n0\r\nUpload-Checksum: sha1 x\r\n\r\n",
                "1\r\na\r\n0\r\n\r\n", "A\r\n0123456789\r\n00\r\n\r\n", "0\r\n\r\n",
            ],
            words: [
                "0\r\n\r\n", "5\r\n", "ffffffffffffffff\r\n", ";a=b", "0x5", "-1", "\n5\n", "X: y\r\n", " X: y\r\n",
            ],
            count: 40_000)
        var accepted = 0
        for (number, bytes) in bodies.enumerated() {
            var random = SplitMix(UInt64(number))
            let whole = Self.decode(bytes, by: bytes.count + 1)
            let cut = Self.decode(bytes, by: Int.random(in: 1...9, using: &random))
            #expect(whole == cut, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
            guard let whole else { continue }
            accepted += 1
            #expect(Self.naive(bytes) == whole, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(accepted > 2_000)
    }

    /// Data and how many bytes the body had; nil where it was refused, or never ended.
    private static func decode(_ wire: [UInt8], by piece: Int) -> [[UInt8]]? {
        var (decoder, waiting, data, at) = (ChunkDecoder(), [UInt8](), [UInt8](), 0)
        while true {
            let step = decoder.next(waiting.span)
            switch step {
            case .framing(let count): waiting.removeFirst(count)
            case .malformed: return nil
            case .end(let count): return [data, Array(wire[..<(at - waiting.count + count)])]
            case .data(let left) where !waiting.isEmpty:
                let part = waiting.prefix(Int(clamping: left))
                data += part
                decoder.took(part.count)
                waiting.removeFirst(part.count)
            case .more, .data:
                guard at < wire.count else { return nil }
                waiting += wire[at..<min(wire.count, at + piece)]
                at = min(wire.count, at + piece)
            }
        }
    }

    /// As RFC 9112 §7.1.3 decodes, in a few lines and without care for limits.
    private static func naive(_ wire: [UInt8]) -> [[UInt8]]? {
        var (at, data) = (0, [UInt8]())
        func line() -> String? {
            guard let end = wire[at...].firstIndex(of: 10), end > at || end == at, end > 0, wire[end - 1] == 13 else {
                return nil
            }
            defer { at = end + 1 }
            return String(decoding: wire[at..<end - 1], as: UTF8.self)
        }
        while true {
            guard let text = line(), let size = Int(text.prefix { $0 != ";" }, radix: 16) else { return nil }
            if size == 0 { break }
            guard at + size + 2 <= wire.count else { return nil }
            data += wire[at..<at + size]
            at += size + 2
        }
        while let trailer = line() { if trailer.isEmpty { return [data, Array(wire[..<at])] } }
        return nil
    }
}
