import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A table by bytes` {
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `finds what was put in, and only that`() {
        var table = ByteTable<Int>(capacity: 64)
        table.insert(1, for: key("one").span)
        table.insert(2, for: key("").span)
        table.insert(3, for: key("one").span)
        #expect(table.value(key("one").span) == 3)
        #expect(table.value(key("").span) == 2)
        #expect(table.value(key("on").span) == nil)
        #expect(table.remove(key("one").span) == 3)
        #expect(table.value(key("one").span) == nil)
    }

    @Test func `holds no more than its capacity, and keeps what is used`() {
        var table = ByteTable<Int>(capacity: 4)
        table.insert(-1, for: key("used").span)
        for number in 0..<100 {
            table.insert(number, for: key("key \(number)").span)
            #expect(table.value(key("used").span) == -1)
        }
        let left = (0..<100).filter { table.value(key("key \($0)").span) != nil }
        #expect(left == [97, 98, 99])
    }

    @Test func `forgets what a caller names`() {
        var table = ByteTable<Int>(capacity: 64)
        for number in 0..<10 { table.insert(number, for: key("\(number)").span) }
        table.removeAll { $0 % 2 == 0 }
        #expect((0..<10).filter { table.value(key("\($0)").span) != nil } == [1, 3, 5, 7, 9])
    }
}
