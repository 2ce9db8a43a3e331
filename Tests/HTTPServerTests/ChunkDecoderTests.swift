@testable import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A chunked body` {
    @Test(arguments: [1, 2, 3, 7, 1000]) func `is the same however it is cut`(piece: Int) {
        let wire = "5\r\nhello\r\n6;name=\"v\"\r\n world\r\n0\r\nA: b\r\nC:  d \r\n\r\n"
        let (result, rest, trailers) = decode(wire + "next", piece)
        #expect(result == "hello world")
        #expect(rest == "next")
        #expect(trailers.map { "\($0)=\($1)" } == ["A=b", "C=d"])
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "5\nhello", "5\r\nhello6", "5\r\nhello\nx", "5\r\nhelloX\n", "5\r\nhello\rX", "-1\r\n",
        "0x5\r\nhello\r\n",
        "5 \r\nhello",
        " 5\r\nhello", "5 ;a\r\nhello", "1234567890abcdef0\r\n", "5;a\u{0}\r\nhello",
        "5;\(String(repeating: "a", count: 1100))",
        "0\r\nA : b\r\n\r\n", "0\r\n a: b\r\n\r\n", "0\r\nA\r\n\r\n", "0\n\n",
        "0\r\n\(String(repeating: "A: \(String(repeating: "b", count: 500))\r\n", count: 20))\r\n",
    ])
    func `that is not exactly one is refused`(wire: String) {
        let (result, _, _) = decode(wire, 1000)
        #expect(result == nil, "\(wire.prefix(40).debugDescription)")
    }

    @Test func `that ends early is not over`() {
        var decoder = ChunkDecoder()
        let size = Array("5\r\n".utf8)
        let first = decoder.next(size.span)
        #expect(first == .framing(3))
        let nothing: [UInt8] = []
        let second = decoder.next(nothing.span)
        #expect(second == .data(5))
        decoder.took(5)
        let half: [UInt8] = [13]
        let third = decoder.next(half.span)
        #expect(third == .more)
        #expect(!decoder.isOver)
    }

    /// Feeds `wire` in pieces. Nil when it was refused or never ended.
    private func decode(_ wire: String, _ piece: Int) -> (String?, String, [(String, String)]) {
        var decoder = ChunkDecoder()
        var waiting: [UInt8] = []
        var data: [UInt8] = []
        var input = Array(wire.utf8)[...]
        while true {
            switch decoder.next(waiting.span) {
            case .more:
                guard !input.isEmpty else { return (nil, "", []) }
                waiting += input.prefix(piece)
                input = input.dropFirst(piece)
            case .framing(let count): waiting.removeFirst(count)
            case .data(let left):
                let part = waiting.prefix(Int(clamping: left))
                if part.isEmpty {
                    guard !input.isEmpty else { return (nil, "", []) }
                    waiting += input.prefix(piece)
                    input = input.dropFirst(piece)
                    continue
                }
                data += part
                decoder.took(part.count)
                waiting.removeFirst(part.count)
            case .end(let count):
                waiting.removeFirst(count)
                let rest = String(decoding: waiting + input, as: UTF8.self)
                return (String(decoding: data, as: UTF8.self), rest, decoder.trailers)
            case .malformed: return (nil, "", [])
            }
        }
    }
}
