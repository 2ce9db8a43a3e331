import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct UploadMachineTests {
    @Test func `bytes count only once they are durable`() throws {
        var machine = UploadMachine(length: 10)
        let writer = try #require(machine.admit(0..<5).writer)
        #expect(machine.offset == 0)
        let answer1 = machine.beginCommit(writer)
        #expect(answer1)
        machine.committed(0..<5, by: writer)
        #expect(machine.offset == 5)
        #expect(machine.seal() == .incomplete)
    }

    @Test func `the newer of two writers of the same bytes ends the older`() throws {
        var machine = UploadMachine(length: 10)
        let older = try #require(machine.admit(0..<5).writer)
        guard case .write(let newer, let superseded) = machine.admit(4..<10) else { return #expect(Bool(false)) }
        #expect(superseded == [older])
        #expect(!machine.mayWrite(older) && machine.mayWrite(newer))
        let answer2 = machine.beginCommit(older)
        #expect(!answer2)
    }

    @Test func `writers of other bytes let each other be`() throws {
        var machine = UploadMachine(length: 10)
        let one = try #require(machine.admit(0..<5).writer)
        guard case .write(_, let superseded) = machine.admit(5..<10) else { return #expect(Bool(false)) }
        #expect(superseded.isEmpty && machine.mayWrite(one))
    }

    @Test func `a writer whose bytes are on their way to the journal is not ended`() throws {
        var machine = UploadMachine(length: 10)
        let one = try #require(machine.admit(0..<5).writer)
        let answer3 = machine.beginCommit(one)
        #expect(answer3)
        guard case .write(_, let superseded) = machine.admit(0..<5) else { return #expect(Bool(false)) }
        #expect(superseded.isEmpty && machine.mayWrite(one))
        machine.committed(0..<5, by: one)
        let answer12 = machine.admit(0..<5)
        #expect(answer12 == .compare)
    }

    @Test func `a stream that is superseded while it commits goes on no further`() throws {
        var machine = UploadMachine(length: 10)
        let stream = try #require(machine.admit(0..<10).writer)
        let began = machine.beginCommit(stream)
        #expect(began)
        let newer = try #require(machine.admit(0..<10).writer)
        machine.committed(0..<4, by: stream)
        #expect(machine.offset == 4 && !machine.mayWrite(stream) && machine.mayWrite(newer))
        let again = machine.beginCommit(stream)
        #expect(!again)
    }

    @Test func `a length is not said while another writes`() throws {
        var machine = UploadMachine(length: nil)
        let one = try #require(machine.append(at: 0).writer)
        let other = try #require(machine.append(at: 0).writer)
        for answer in [machine.setLength(5), machine.setLength(5, by: one)] { #expect(!answer) }
        #expect(machine.length == nil)
        let own = machine.setLength(5, by: other)
        #expect(own && machine.length == 5)
    }

    @Test func `more than the length is no place to append at`() throws {
        var received = IntervalSet()
        received.insert(0..<10)
        var machine = UploadMachine(length: 5, received: received)
        let answer = machine.append(at: 10)
        #expect(answer == .beyond(length: 5))
        #expect(machine.seal() == .incomplete)
    }

    @Test func `bytes beyond the length are outside`() {
        var machine = UploadMachine(length: 10)
        let answer13 = machine.admit(5..<11)
        #expect(answer13 == .outside(length: 10))
    }

    @Test func `a sealed upload is only compared with`() throws {
        var machine = UploadMachine(length: 4)
        let writer = try #require(machine.admit(0..<4).writer)
        let answer4 = machine.beginCommit(writer)
        #expect(answer4)
        machine.committed(0..<4, by: writer)
        #expect(machine.seal() == .seal)
        machine.sealed()
        #expect(machine.seal() == .sealed)
        let answer14 = machine.admit(0..<4)
        #expect(answer14 == .compare)
        let answer15 = machine.end(.cancelled)
        #expect(answer15 == nil)
        #expect(machine.state == .sealed)
    }

    @Test func `the end names the writers still at work, once`() throws {
        var machine = UploadMachine(length: 10)
        let writer = try #require(machine.admit(0..<5).writer)
        let answer16 = machine.end(.expired)
        #expect(answer16 == [writer])
        let answer17 = machine.end(.cancelled)
        #expect(answer17 == nil)
        let answer18 = machine.admit(0..<5)
        #expect(answer18 == .ended(.expired))
        let answer5 = machine.beginCommit(writer)
        #expect(!answer5)
    }

    @Test func `a deferred length is said once, and not below what is there`() throws {
        var machine = UploadMachine(length: nil)
        let writer = try #require(machine.admit(0..<5).writer)
        let answer6 = machine.beginCommit(writer)
        #expect(answer6)
        machine.committed(0..<5, by: writer)
        let answer7 = machine.setLength(4, by: writer)
        #expect(!answer7)
        let answer8 = machine.setLength(5, by: writer)
        #expect(answer8)
        let answer9 = machine.setLength(5, by: writer)
        #expect(answer9)
        let answer10 = machine.setLength(6, by: writer)
        #expect(!answer10)
        #expect(machine.seal() == .seal)
    }

    @Test func `the newest appends, at the offset and nowhere else`() throws {
        var machine = UploadMachine(length: 10)
        let wrong = machine.append(at: 1)
        #expect(wrong == .mismatch(offset: 0))
        let older = try #require(machine.append(at: 0).writer)
        guard case .write(let newer, let superseded) = machine.append(at: 0) else { return #expect(Bool(false)) }
        #expect(superseded == [older] && !machine.mayWrite(older))
        let began = machine.beginCommit(newer)
        #expect(began)
        // Its bytes are on their way: an offset that was said now might not be the one that is found.
        let busy = machine.append(at: 0)
        #expect(busy == .busy)
        machine.committed(0..<4, by: newer)
        let stale = machine.append(at: 0)
        #expect(stale == .mismatch(offset: 4))
        let next = machine.append(at: 4).writer
        #expect(next != nil && !machine.mayWrite(newer))
    }

    /// One appends after the other, is cut, is superseded, commits in steps: against the bytes that were acknowledged.
    @Test func `appending agrees with a model`() {
        for seed in 0..<300 {
            var random = TestRandom(seed)
            let length = Int64.random(in: 1...60, using: &random)
            var machine = UploadMachine(length: Bool.random(using: &random) ? length : nil)
            var durable: Int64 = 0
            var current: UploadMachine.Writer?
            for _ in 0..<80 {
                switch Int.random(in: 0..<8, using: &random) {
                case 0..<3:
                    let offset = Bool.random(using: &random) ? durable : Int64.random(in: 0...length, using: &random)
                    switch machine.append(at: offset) {
                    case .write(let writer, let older):
                        #expect(offset == durable && machine.state == .receiving)
                        #expect(older == [current].compactMap(\.self))
                        current = writer
                    case .mismatch(let expected): #expect(offset != durable && expected == durable)
                    case .sealed: #expect(machine.state == .sealed)
                    case .busy, .beyond, .ended: Issue.record("nothing is under way, seed \(seed)")
                    }
                case 3..<6:
                    guard let writer = current, durable < length else { continue }
                    let end = Int64.random(in: durable + 1...length, using: &random)
                    let began = machine.beginCommit(writer)
                    #expect(began == (machine.state == .receiving))
                    guard began else { continue }
                    machine.committed(durable..<end, by: writer)
                    durable = end
                case 6:
                    guard let writer = current else { continue }
                    machine.leave(writer)
                    current = nil
                default:
                    let agreed = machine.setLength(length, by: current)
                    #expect(agreed)
                    #expect(
                        machine.seal() == (machine.state == .sealed ? .sealed : durable == length ? .seal : .incomplete)
                    )
                    if durable == length { machine.sealed() }
                }
                #expect(machine.offset == durable && machine.received.ranges == (durable > 0 ? [0..<durable] : []))
            }
        }
    }

    /// Against a model that keeps single bytes: random chunkings, orders, drops, duplicates, ends.
    @Test func `it agrees with a model`() {
        for seed in 0..<300 {
            var random = TestRandom(seed)
            let length = Int64.random(in: 1...40, using: &random)
            var machine = UploadMachine(length: length)
            var durable: Set<Int64> = []
            var active: [UploadMachine.Writer: Range<Int64>] = [:]
            var isEnded = false
            for _ in 0..<60 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let first = Int64.random(in: 0..<length + 3, using: &random)
                    let range = first..<first + Int64.random(in: 1...10, using: &random)
                    switch machine.admit(range) {
                    case .write(let writer, let superseded):
                        #expect(!isEnded && range.upperBound <= length && !range.allSatisfy(durable.contains))
                        #expect(Set(superseded) == Set(active.filter { $0.value.overlaps(range) }.keys))
                        for old in superseded { active[old] = nil }
                        active[writer] = range
                    case .compare: #expect(!isEnded && range.allSatisfy(durable.contains))
                    case .outside: #expect(!isEnded && range.upperBound > length)
                    case .ended: #expect(isEnded)
                    }
                case 5..<8:
                    guard
                        let (writer, range) = active.sorted(by: { $0.key.number < $1.key.number }).randomElement(
                            using: &random)
                    else { continue }
                    let answer11 = machine.beginCommit(writer)
                    #expect(answer11)
                    machine.committed(range, by: writer)
                    machine.leave(writer)
                    active[writer] = nil
                    durable.formUnion(range)
                case 8:
                    guard let writer = active.keys.min(by: { $0.number < $1.number }) else { continue }
                    machine.leave(writer)  // its connection dropped
                    active[writer] = nil
                default:
                    guard Int.random(in: 0..<12, using: &random) == 0, !isEnded else { continue }
                    let ended = machine.end(.cancelled) ?? []
                    #expect(Set(ended) == Set(active.keys))
                    active = [:]
                    isEnded = true
                }
                #expect(Set(machine.received.ranges.flatMap(Array.init)) == durable)
                #expect(machine.isWhole == (Int64(durable.count) == length))
            }
        }
    }
}

extension UploadMachine.Admission {
    var writer: UploadMachine.Writer? {
        if case .write(let writer, _) = self { writer } else { nil }
    }
}

extension UploadMachine.Appending {
    var writer: UploadMachine.Writer? {
        if case .write(let writer, _) = self { writer } else { nil }
    }
}
