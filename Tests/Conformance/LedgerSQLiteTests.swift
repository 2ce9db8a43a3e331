import Core
import Glibc
import Ledger
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The ledger on SQLite` {
    @Test(arguments: LedgerPromise.all) func keeps(_ promise: LedgerPromise) async throws {
        try await withTemporaryFolder { folder in
            let time = ManualTime()
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
            try await promise.check(ledger, time)
            await ledger.close()
        }
    }

    @Test func `finds everything again when it is opened anew, with and without a closing`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/ledger.sqlite"
            let first = try SQLiteLedger(.init(path: path))
            try await first.write("a") { try $0.settings.set("a", "1") }
            // Not closed: its log still holds the write.
            let second = try SQLiteLedger(.init(path: path))
            #expect(try await second.read("b") { try $0.settings.get("a") } == "1")
            await first.close()
            await second.close()
            let third = try SQLiteLedger(.init(path: path))
            #expect(try await third.read("c") { try $0.settings.get("a") } == "1")
            await third.close()
        }
    }

    @Test func `lets two writers of one file take turns`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/ledger.sqlite"
            let ledgers = [try SQLiteLedger(.init(path: path)), try SQLiteLedger(.init(path: path))]
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask { _ = try await ledgers[number % 2].add(job()) }
                }
                try await group.waitForAll()
            }
            #expect(try await ledgers[0].read("a") { try $0.queues.depth(.finish) } == 100)
            for ledger in ledgers { await ledger.close() }
        }
    }

    @Test func `refuses more waiting calls than it has room for, and serves those it took`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SQLiteLedger.Configuration(path: folder + "/ledger.sqlite")
            configuration.maximumWaiting = 4
            let ledger = try SQLiteLedger(configuration)
            let (overloaded, served) = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        do {
                            try await ledger.write("a") { tx in
                                try tx.settings.set("\(number)", "1")
                            }
                            return true
                        } catch let failure as LedgerFailure where failure.kind == .overloaded {
                            #expect(failure.isPassing)
                            return false
                        }
                    }
                }
                return try await group.reduce(into: (0, 0)) { counts, wasServed in
                    if wasServed { counts.1 += 1 } else { counts.0 += 1 }
                }
            }
            #expect(served >= 4)
            #expect(overloaded + served == 100)
            let written = try await ledger.read("b") { tx in
                try (0..<100).reduce(0) { $0 + (try tx.settings.get("\($1)") == nil ? 0 : 1) }
            }
            #expect(written == served)
            await ledger.close()
        }
    }

    @Test func `says that it is full, keeps what it has, and goes on when there is space again`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SQLiteLedger.Configuration(path: folder + "/ledger.sqlite")
            configuration.maximumBytes = 2 << 20
            let ledger = try SQLiteLedger(configuration)
            let filling = String(repeating: "x", count: 100_000)
            var kept = 0
            let failure = await #expect(throws: LedgerFailure.self) {
                while true {
                    let number = kept
                    try await ledger.write("a") { try $0.settings.set("\(number)", filling) }
                    kept += 1
                }
            }
            #expect(failure?.kind == .full)
            #expect(failure?.isPassing == true)
            let count = kept
            let found = try await ledger.read("b") { tx in
                try (0...count).filter { try tx.settings.get("\($0)") == filling }.count
            }
            #expect(found == count)
            try await ledger.write("c") { tx in for number in 0..<count { try tx.settings.set("\(number)", "") } }
            try await ledger.write("d") { try $0.settings.set("more", filling) }
            #expect(try await ledger.read("e") { try $0.settings.get("more") } == filling)
            await ledger.close()
        }
    }

    @Test func `lets what still fits be written beside what does not`() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SQLiteLedger.Configuration(path: folder + "/ledger.sqlite")
            configuration.maximumBytes = 2 << 20
            let ledger = try SQLiteLedger(configuration)
            let large = String(repeating: "x", count: 3 << 20)
            let written = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        do {
                            let value = number % 8 == 0 ? large : "small"
                            try await ledger.write("a") { try $0.settings.set("\(number)", value) }
                            return number
                        } catch let failure as LedgerFailure where failure.kind == .full {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Int]()) { if let number = $1 { $0.append(number) } }
            }
            #expect(written.sorted() == (0..<64).filter { $0 % 8 != 0 })
            await ledger.close()
        }
    }

    @Test func `makes a file that its owner alone may read`() async throws {
        try await withTemporaryFolder { folder in
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"))
            try await ledger.write("a") { try $0.settings.set("a", "1") }
            for file in try Files.list(folder) { #expect(try mode(of: folder + "/" + file) == 0o600) }
            await ledger.close()
        }
    }

    @Test func `refuses a file that is no ledger, and one whose pages are damaged, and leaves both alone`() async throws
    {
        try await withTemporaryFolder { folder in
            let text = folder + "/text"
            let bytes = [UInt8](repeating: 0x41, count: 20_000)
            try Files.writeAtomically(bytes, to: text)
            let noLedger = #expect(throws: LedgerFailure.self) { try SQLiteLedger(.init(path: text)) }
            #expect(noLedger?.kind == .corrupt)
            #expect(noLedger?.message.contains(text) == true)
            #expect(try Files.readWhole(text, limit: 100_000) == bytes)

            let path = folder + "/ledger.sqlite"
            let ledger = try SQLiteLedger(.init(path: path))
            for number in 0..<50 { try await ledger.write("a") { try $0.settings.set("\(number)", "1") } }
            await ledger.close()
            var damaged = try Files.readWhole(path, limit: 10_000_000)
            for index in 8192..<min(damaged.count, 200_000) { damaged[index] = 0xEE }
            try Files.writeAtomically(damaged, to: path)
            let failure = #expect(throws: LedgerFailure.self) { try SQLiteLedger(.init(path: path)) }
            #expect(failure?.kind == .corrupt)
            #expect(failure?.isPassing == false)
            #expect(try Files.readWhole(path, limit: 10_000_000) == damaged)
        }
    }

    @Test func `says what is wrong with a folder that is not there`() async throws {
        try await withTemporaryFolder { folder in
            let failure = #expect(throws: LedgerFailure.self) {
                try SQLiteLedger(.init(path: folder + "/none/ledger.sqlite"))
            }
            #expect(failure?.kind == .unavailable)
            #expect(failure?.message.contains("none/ledger.sqlite") == true)
        }
    }
}

private func mode(of path: String) throws -> UInt32 {
    let file = try FileDescriptor.open(path, O_RDONLY)
    var status = stat()
    try #require(fstat(file.raw, &status) == 0)
    return status.st_mode & 0o777
}
