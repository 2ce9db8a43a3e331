@testable import App
import Core
import Ledger
import Testing

/// How the job `finish` ends when it cannot make its track ready.
@Suite(.timeLimit(.minutes(5))) struct `A track whose job fails` {
    private static let flac = Array("fLaC".utf8) + [UInt8](repeating: 0, count: 100)

    private func expectFailed(_ code: FailureCode, attempts: Int, _ rig: PipelineRig) async throws {
        let track = try await rig.found()
        #expect(track.state == .failed && track.errorCode == code, "\(track.state) \(track.errorMessage ?? "")")
        #expect(track.errorMessage?.isEmpty == false)
        #expect(try await rig.job.attempt == attempts)
        let told = try await rig.told()
        #expect(told.events == [.trackFailed] && told.callbacks == 1)
    }

    @Test func `because its file is empty is corrupt at once`() async throws {
        try await withPipeline(program: "exit 1") { rig in
            try await rig.add([])
            try await rig.attempt()
            try await expectFailed(.corruptMedia, attempts: 1, rig)
        }
    }

    @Test func `because its bytes are no audio is corrupt at once`() async throws {
        try await withPipeline(program: "exit 1") { rig in
            try await rig.add(Array("words, and no music".utf8))
            try await rig.attempt()
            try await expectFailed(.corruptMedia, attempts: 1, rig)
        }
    }

    @Test func `because ffprobe finds nothing in it is corrupt the second time`() async throws {
        try await withPipeline(program: "exit 1") { rig in
            try await rig.add(Self.flac)
            try await rig.attempt()
            #expect(try await rig.found().state == .processing)
            #expect(try await rig.job.state == .queued)
            try await rig.attempt()
            try await expectFailed(.corruptMedia, attempts: 2, rig)
            #expect(try await rig.job.state == .done)
        }
    }

    @Test func `because its program crashes is corrupt the third time`() async throws {
        try await withPipeline(program: "kill -11 $$") { rig in
            try await rig.add(Self.flac)
            for _ in 1...3 {
                #expect(try await rig.found().state == .processing)
                try await rig.attempt()
            }
            try await expectFailed(.corruptMedia, attempts: 3, rig)
        }
    }

    @Test func `because its program is killed each time fails through our fault when the attempts are used up`()
        async throws
    {
        try await withPipeline(program: "kill -9 $$") { rig in
            try await rig.add(Self.flac)
            for _ in 1...4 {
                #expect(try await rig.found().state == .processing)
                try await rig.attempt()
            }
            try await expectFailed(.internal, attempts: 4, rig)
            #expect(try await rig.job.state == .dead)
        }
    }

    @Test func `because its bytes are lost fails through our fault, and is processed again by a retry`() async throws {
        try await withPipeline(program: "exit 1") { rig in
            try await rig.add([], size: 100)
            for _ in 1...4 { try await rig.attempt() }
            try await expectFailed(.internal, attempts: 4, rig)
            let job = try await rig.job.id
            let isRetried = try await rig.ledger.write("retry") { tx in try tx.jobs.retryDead(job) }
            #expect(isRetried)
            try await rig.attempt()
            let track = try await rig.found()
            #expect(track.state == .processing && track.errorCode == nil)
        }
    }
}
