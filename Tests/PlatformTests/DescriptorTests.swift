import Glibc
import Platform
import TestSupport
import Testing

/// Pipes, sockets, and waiting for several of them.
@Suite(.timeLimit(.minutes(5))) struct DescriptorTests {
    @Test func `a pipe says would block, bytes and the end apart`() async throws {
        var pipe = try Pipe()
        let reading = SharedDescriptor(try taken(pipe.takeReading()))
        var writing: SharedDescriptor? = SharedDescriptor(try taken(pipe.takeWriting()))
        try reading.descriptor.setNonBlocking()
        #expect(try reading.descriptor.readAvailable(upTo: 10) == .wouldBlock)
        #expect(try writing?.descriptor.writeAvailable([1, 2, 3], from: 1) == 2)
        #expect(try reading.descriptor.readAvailable(upTo: 10) == .bytes([2, 3]))
        writing = nil
        // A child that another test starts has copies of all our descriptors until it becomes its program.
        try await eventually { try reading.descriptor.readAvailable(upTo: 10) == .end }
    }

    @Test func `a full pipe takes what fits and then nothing, and a broken one is an error`() async throws {
        Signals.ignorePipe()
        var pipe = try Pipe(capacity: 65_536)
        let writing = SharedDescriptor(try taken(pipe.takeWriting()))
        var reading: SharedDescriptor? = SharedDescriptor(try taken(pipe.takeReading()))
        try writing.descriptor.setNonBlocking()
        let much = [UInt8](repeating: 1, count: 1 << 20)
        #expect(try writing.descriptor.writeAvailable(much) == 65_536)
        #expect(try writing.descriptor.writeAvailable(much) == nil)
        var set = PollSet()
        set.add(writing.raw, .write)
        #expect(try set.wait(until: .now).isEmpty)
        #expect(try reading?.descriptor.read(upTo: 65_536).count == 65_536)
        #expect(try set.wait(until: .now).first?.canWrite == true)
        reading = nil
        try await eventually {
            var set = PollSet()
            set.add(writing.raw, .write)
            return try set.wait(until: .now).first?.isHungUp == true
        }
        #expect(throws: Errno.brokenPipe) { try writing.descriptor.writeAvailable(much) }
    }

    @Test func `a poll set names the ready ones, and a signal raised elsewhere wakes it`() throws {
        let quiet = try EventSignal()
        let loud = try EventSignal()
        var set = PollSet()
        set.add(quiet.raw, .read)
        set.add(loud.raw, .read)
        let thread = try OSThread(name: "raiser") {
            loud.raise()
            loud.raise()
        }
        let ready = try set.wait(until: .after(.seconds(20)))
        #expect(ready.map(\.descriptor) == [loud.raw])
        #expect(ready.first?.canRead == true)
        thread.join()
        #expect(loud.lower())
        #expect(!loud.lower())
        #expect(try !loud.wait(until: .now))
    }

    @Test(arguments: [SocketPair.Kind.stream, .messages])
    func `open files travel in a message`(kind: SocketPair.Kind) throws {
        var pair = try SocketPair(kind)
        let here = try taken(pair.takeFirst())
        let there = SharedDescriptor(try taken(pair.takeSecond()))
        let file = try FileDescriptor.memory(named: "travels")
        try file.write(Array("inside".utf8), at: 0)
        try here.sendMessage(Array("take this".utf8), descriptors: [file.raw, file.raw])
        let message = try #require(try there.descriptor.receiveMessage(limit: 100))
        #expect(message.bytes == Array("take this".utf8))
        #expect(message.descriptors.count == 2)
        for received in message.descriptors {
            #expect(received.raw != file.raw)
            #expect(try received.descriptor.read(upTo: 100, at: 0) == Array("inside".utf8))
        }
        try here.close()
        #expect(try there.descriptor.receiveMessage(limit: 100) == nil)
    }

    @Test func `a message beyond the limit is an error, and its descriptors are closed`() throws {
        var pair = try SocketPair()
        let here = try taken(pair.takeFirst())
        let there = SharedDescriptor(try taken(pair.takeSecond()))
        var pipe = try Pipe()
        let reading = try taken(pipe.takeReading())
        let writing = try taken(pipe.takeWriting())
        try here.sendMessage([1, 2, 3], descriptors: [writing.raw])
        try writing.close()
        #expect(throws: Errno(code: EMSGSIZE)) { _ = try there.descriptor.receiveMessage(limit: 2) }
        // The last writer was the one that came with the message.
        #expect(try reading.read(upTo: 1).isEmpty)
        #expect(throws: Errno.invalid) { try there.descriptor.sendMessage([]) }
    }

    @Test func `sending to nobody is an error and no signal`() async throws {
        var pair = try SocketPair()
        let here = SharedDescriptor(try taken(pair.takeFirst()))
        try taken(pair.takeSecond()).close()
        try await eventually { try fails(with: Errno.brokenPipe) { try here.descriptor.sendMessage([1]) } }
    }

    @Test func `deadlines add up without running over`() {
        #expect(Deadline.never + .seconds(1) == .never)
        #expect(Deadline.now + .seconds(Int64.max) == .never)
        #expect(Deadline.now.isPast)
        #expect(!Deadline.never.isPast)
        #expect(!Deadline.after(.seconds(100)).isPast)
        #expect(Deadline(nanoseconds: 5_000_000_000) - Deadline(nanoseconds: 2_000_000_000) == .seconds(3))
        #expect(Deadline(nanoseconds: 0).remaining == .zero)
        #expect(Deadline(nanoseconds: 1) + .milliseconds(2) == Deadline(nanoseconds: 2_000_001))
    }
}
