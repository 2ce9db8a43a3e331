import Platform
import TestSupport
import Testing

/// A server that is killed takes its children along: the exit test is that server.
@Suite(.timeLimit(.minutes(5))) struct OrphanTests {
    @Test(arguments: [true, false])
    func `children die with a parent that is killed`(isEnforced: Bool) async throws {
        let result = await #expect(
            processExitsWith: .signal(Signals.kill), observing: [\.standardOutputContent]
        ) { [isEnforced] in
            let jail = Jail(launcher: try Jail.beside("sluice-jail"), isEnforced: isEnforced)
            var spec = jail.command(seconds: 60, memory: 1 << 30, program: "/bin/sleep", arguments: ["1000"])
            spec.input = .pipe
            let child = try ChildProcess.spawn(spec)
            // The jail is built and the program runs once its name is the program's.
            try await eventually {
                try Files.readWhole("/proc/\(child.pid)/comm", limit: 64) == Array("sleep\n".utf8)
            }
            print("<\(child.pid)>")
            try Signals.send(Signals.kill, to: own())
            await child.wait()
        }
        let output = try #require(result?.standardOutputContent)
        let text = String(decoding: output, as: UTF8.self)
        let pid = try #require(text.split(separator: "<").last?.split(separator: ">").first.flatMap { Int32($0) })
        // Whoever inherits the dead child reaps it; until then it is a zombie, which runs no more.
        try await eventually { isOver(pid) }
    }

    private func isOver(_ pid: Int32) -> Bool {
        do {
            let status = String(decoding: try Files.readWhole("/proc/\(pid)/stat", limit: 4096), as: UTF8.self)
            return status.contains(") Z ") || status.contains(") X ")
        } catch {
            return true
        }
    }
}

private func own() throws -> Int32 {
    guard let pid = Int32(try Files.realPath("/proc/self").split(separator: "/").last ?? "") else {
        throw NothingThere()
    }
    return pid
}
