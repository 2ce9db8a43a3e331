import Core
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A JSON text` {
    @Test(arguments: [#"{"a":"\u0000"}"#, #"{"a\u0000":1}"#, #"["b\u0000c"]"#])
    func `a request's body holds no NUL`(text: String) throws {
        #expect(throws: JSONFailure.self) { try JSON.parse(request: Array(text.utf8)) }
        // Everything else is JSON as it is.
        #expect(try JSON.parse(text) != .null)
        #expect(try JSON.parse(request: Array(#"{"a":"\u0001\\u0000"}"#.utf8))["a"]?.string == "\u{1}\\u0000")
    }

    @Test(arguments: [
        #"{"a":[1,-2,3.5,true,null,"x"],"b":{"c":""}}"#, "[]", "0", #""\u00e9\ud83d\ude00\n""#, "  [1 , 2]\n",
    ])
    func `that is well formed is read, and written so that it reads the same`(_ text: String) throws {
        let json = try JSON.parse(text)
        #expect(try JSON.parse(json.bytes) == json)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", "nul", "\"\u{1}\"", "\"\\x\"",
        #""\ud83d""#,
        #""\udc00\ud800""#, "1e400", "[1] 2", "{a:1}", "'a'", "NaN",
    ])
    func `that two readers could differ about is refused`(_ text: String) {
        #expect(throws: JSONFailure.self) { try JSON.parse(text) }
    }

    @Test func `that is no UTF-8 is refused`() {
        #expect(throws: JSONFailure.self) { try JSON.parse([0x22, 0xFF, 0xFE, 0x22]) }
    }

    @Test func `nested too deep costs no stack`() {
        #expect(throws: JSONFailure.self) { try JSON.parse([UInt8](repeating: 0x5B, count: 1_000_000)) }
    }

    @Test func `keeps whole numbers whole and tells them from others`() throws {
        let json = try JSON.parse("[9223372036854775807,100,1.5,1e2]")
        #expect(json.array?.map(\.integer) == [.max, 100, nil, nil])
        #expect(json.array?.last?.double == 100)
    }
}
