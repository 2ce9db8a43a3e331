@testable import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A request head` {
    /// What two parsers could read differently, and what the status is.
    static let refused: [(String, Int)] = [
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tfolded\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7F}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
        ("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET /?q=a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\nHost: a\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/11\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a\u{E9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%0d HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a?b=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /.. HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/%2E%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/.%2e?b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a/./b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\(String(repeating: "a", count: 9_000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET /\(String(repeating: "a", count: 9_000))", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 17_000))\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 17_000))", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 100))\r\n", 431),
    ]

    @Test(arguments: refused) func `that is ambiguous or too large is refused`(text: String, status: Int) {
        guard case .refused(let refusal) = parse(text) else {
            Issue.record("accepted: \(text.prefix(80).debugDescription)")
            return
        }
        #expect(refusal.status == status, "\(text.prefix(80).debugDescription): \(refusal.why)")
    }

    static let accepted = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT:\t a:80 \t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:80/b HTTP/1.1\r\nHost: c\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
        "X-Y! /..a/.b/...?q=../.. HTTP/1.1\r\nHost: a\r\nX: \u{E9}\r\nEmpty:\r\n\r\n",
    ]

    @Test(arguments: accepted) func `that can be read in one way only is accepted`(text: String) {
        guard case .head(let head) = parse(text) else {
            Issue.record("refused: \(text.debugDescription)")
            return
        }
        #expect(head.byteCount == text.utf8.count)
    }

    /// Nothing that could follow makes a request of these.
    static let impossible: [(String, Int)] = [
        ("\u{16}\u{3}\u{1}\u{2}", 400), ("\u{16}", 400), ("GET /\r\n", 400), ("GET /\r", 400), (" GET", 400),
        ("(", 400),
        ("GET / FTP", 400), ("GET / HTTP/x", 400), ("GET / HTTP/1.1 ", 400), ("GET / HTTP/2.0\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("GET / HTTP/1.1\n", 400), ("GET  ", 400), ("\r\n\r\n", 400),
        ("\rG", 400),
        ("GET a HTTP/1.1\r\n", 400), (String(repeating: "A", count: 33), 400),
        ("GET /\(String(repeating: "a", count: 8_192))", 414),
    ]

    @Test(arguments: impossible) func `that cannot become one is refused with its first wrong byte`(
        text: String, status: Int
    ) {
        var parser = HeadParser(ServerConfiguration())
        let bytes = Array(text.utf8)
        guard case .refused(let refusal) = parser.parse(bytes.span) else {
            Issue.record("not refused: \(text.debugDescription)")
            return
        }
        #expect(refusal.status == status, "\(text.debugDescription): \(refusal.why)")
    }

    @Test(arguments: accepted) func `is whole only with its last byte`(text: String) {
        for count in 0..<text.utf8.count {
            guard case .incomplete = parse(String(decoding: text.utf8.prefix(count), as: UTF8.self)) else {
                Issue.record("\(count) bytes of \(text.debugDescription)")
                return
            }
        }
    }

    @Test func `is taken apart where it lies`() throws {
        let text =
            "PUT /a%20b/c?x=1&y HTTP/1.1\r\nHost: h:1\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n"
            + "Connection: keep-alive, Close\r\n\r\nrest"
        guard case .head(let head) = parse(text) else {
            Issue.record("refused")
            return
        }
        let bytes = Array(text.utf8)
        func piece(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(piece(head.methodText) == "PUT")
        #expect(piece(head.path) == "/a%20b/c")
        #expect(piece(head.query) == "x=1&y")
        #expect(head.host.map(piece) == "h:1")
        #expect(head.contentLength == 12)
        #expect(head.expectsContinue)
        #expect(!head.keepsAlive)
        #expect(piece(head.byteCount..<bytes.count) == "rest")
    }

    @Test func `of HTTP 1.0 keeps the connection only when it says so`() {
        for (text, keeps) in [("", false), ("Connection: keep-alive\r\n", true), ("Connection: x\r\n", false)] {
            guard case .head(let head) = parse("GET / HTTP/1.0\r\n\(text)\r\n") else {
                Issue.record("refused")
                continue
            }
            #expect(head.keepsAlive == keeps)
        }
    }

    @Test(arguments: ["Range: bytes=0-1", "If-None-Match: *", "If-Range: \"a\"", "X-Request-Id: a"])
    func `that asks for more than the plain file does not go the quick way`(field: String) {
        guard case .head(let head) = parse("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n") else {
            Issue.record("refused")
            return
        }
        #expect(!head.isPlain)
    }

    private func parse(_ text: String) -> HeadParser.Verdict {
        var parser = HeadParser(ServerConfiguration())
        return parser.parse(Array(text.utf8).span)
    }
}
