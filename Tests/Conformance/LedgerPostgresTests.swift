import Core
import Ledger
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The ledger on PostgreSQL` {
    @Test(arguments: LedgerPromise.all) func keeps(_ promise: LedgerPromise) async throws {
        try await withPostgres { url in
            let time = ManualTime()
            let ledger = try PostgresLedger(.init(address: PostgresAddress(url)), time: time)
            try await promise.check(ledger, time)
            await ledger.close()
        }
    }

    @Test func `runs a body again whose transaction could not be serialised, and commits it once`() async throws {
        try await withPostgres { url in
            let ledger = try PostgresLedger(.init(address: PostgresAddress(url)))
            // A sequence goes on whatever is rolled back.
            let trip = """
                create sequence tries;
                create function trip() returns trigger language plpgsql as $$ begin
                  if nextval('tries') < 4 then raise exception 'lost' using errcode = '40001'; end if; return new;
                end $$;
                create trigger trip before insert on settings for each row execute function trip();
                """
            try await PrivatePostgres.shared().run(trip, database: url)
            let runs = Mutex(0)
            try await ledger.write("a") { tx in
                runs.withLock { $0 += 1 }
                try tx.jobs.enqueue(job())
                try tx.settings.set("a", "1")
            }
            #expect(runs.withLock { $0 } == 4)
            #expect(try await ledger.read("b") { try $0.queues.depth(.finish) } == 1)
            await ledger.close()
        }
    }

    @Test func `gets bodies through that lock each other out, all of them`() async throws {
        try await withPostgres { url in
            let name = url.split(separator: "/").last.map(String.init) ?? ""
            try await PrivatePostgres.shared().run("alter database \(name) set deadlock_timeout = '5ms'")
            let ledger = try PostgresLedger(.init(address: PostgresAddress(url)))
            try await withThrowingTaskGroup { group in
                for number in 0..<4 {
                    group.addTask {
                        let names = number % 2 == 0 ? ["x", "y", "z"] : ["z", "y", "x"]
                        for round in 0..<10 {
                            try await ledger.write("a") { tx in
                                for name in names { try tx.settings.set(name, "\(number)") }
                                try tx.settings.set("\(number)-\(round)", "1")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let kept = try await ledger.read("b") { tx in
                try (0..<40).filter { try tx.settings.get("\($0 / 10)-\($0 % 10)") != nil }.count
            }
            #expect(kept == 40)
            await ledger.close()
        }
    }

    @Test func `is given its schema once by eight nodes that start together`() async throws {
        try await withPostgres { url in
            let ledgers = try await withThrowingTaskGroup(of: PostgresLedger.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await Lane(name: "node-\(number)").run { () throws in
                            try PostgresLedger(.init(address: PostgresAddress(url)))
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for (number, ledger) in ledgers.enumerated() {
                try await ledger.write("a") { try $0.settings.set("\(number)", "1") }
            }
            let steps = try await PrivatePostgres.shared().run(
                "select string_agg(number::text, ' ' order by number) from schema_migrations", database: url)
            #expect(
                steps.split(whereSeparator: \.isWhitespace).map(String.init) == Migration.all.map { "\($0.number)" })
            for ledger in ledgers { await ledger.close() }
        }
    }

    @Test func `tells other nodes what was told while the connection for it was away`() async throws {
        try await withPostgres { url in
            let server = try await PrivatePostgres.shared()
            let listeners = "from pg_stat_activity where datname = current_database() and query like 'listen %'"
            /// Once so many nodes listen: each says so by what it asked last.
            func areListening(_ count: Int) async throws -> String {
                while true {
                    let pids = try await server.run("select pid \(listeners)", database: url).split(separator: "\n")
                    if pids.count == count { return pids.first.map(String.init) ?? "" }
                }
            }
            let teller = try PostgresLedger(.init(address: PostgresAddress(url)))
            let pid = try await areListening(1)
            let hearer = try PostgresLedger(.init(address: PostgresAddress(url)))
            _ = try await areListening(2)
            let before = hearer.hints.mark(.jobs)
            // Its own connection ends in the very transaction that has something to tell.
            try await server.run(
                """
                create function cut() returns trigger language plpgsql as $$ begin
                  perform pg_terminate_backend(\(pid), 5000); return new;
                end $$;
                create trigger cut before insert on settings for each row execute function cut();
                """, database: url)
            try await teller.write("a") { tx in
                try tx.settings.set("a", "1")
                try tx.jobs.enqueue(job())
            }
            var mark = before
            await hearer.hints.wait(for: .jobs, since: &mark)
            #expect(try await hearer.read("b") { try $0.queues.depth(.finish) } == 1)
            for ledger in [teller, hearer] { await ledger.close() }
        }
    }

    @Test func `hands a job out once, with two nodes at it`() async throws {
        try await withPostgres { url in
            let ledgers = try [0, 1].map { _ in try PostgresLedger(.init(address: PostgresAddress(url))) }
            for number in 0..<300 { _ = try await ledgers[0].add(job("\(number % 7)")) }
            let claimed = try await withThrowingTaskGroup { group in
                for number in 0..<8 {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            let jobs = try await ledgers[number % 2].claim(4, boot: "boot_\(number)")
                            if jobs.isEmpty { return mine }
                            mine += jobs.map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 300)
            #expect(Set(claimed).count == 300)
            for ledger in ledgers { await ledger.close() }
        }
    }

    @Test func `shows a reader every event in its place, with many writers on two nodes`() async throws {
        try await withPostgres { url in
            let ledgers = try [0, 1].map { _ in try PostgresLedger(.init(address: PostgresAddress(url))) }
            let tenant = TenantID(checked: "a")
            let (writers, each) = (8, 40)
            try await withThrowingTaskGroup { group in
                for number in 0..<writers {
                    group.addTask {
                        for round in 0..<each {
                            try await ledgers[number % 2].write("a") { tx in
                                try tx.outbox.append(tenant: tenant, type: .trackReady, trackID: nil, requestID: nil) {
                                    _, _ in Array("{}".utf8)
                                }
                                // Some commit long after they took their place.
                                for name in 0..<(round % 3 * 10) { try tx.settings.set("\(number)-\(name)", "1") }
                            }
                        }
                    }
                }
                for ledger in ledgers {
                    group.addTask {
                        var seen: Int64 = 0
                        while seen < writers * each {
                            let after = seen
                            let events = try await ledger.read("b") {
                                try $0.outbox.after(after, tenant: tenant, limit: 7)
                            }
                            #expect(events.map(\.sequence) == (0..<events.count).map { after + 1 + Int64($0) })
                            seen += Int64(events.count)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for ledger in ledgers { await ledger.close() }
        }
    }
}

/// A fresh database of the tests' own server.
func withPostgres(_ body: (String) async throws -> Void) async throws {
    try await body(try await PrivatePostgres.shared().database())
}
