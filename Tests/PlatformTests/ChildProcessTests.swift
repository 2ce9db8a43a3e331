import Platform
import TestSupport
import Testing

/// What the real kernel does with our children.
@Suite(.timeLimit(.minutes(5))) struct ChildProcessTests {
    private func shell(_ script: String) -> ProcessSpec {
        ProcessSpec(program: "/bin/sh", arguments: ["-c", script])
    }

    private func readAll(_ file: borrowing FileDescriptor) throws -> String {
        String(decoding: try readToEnd(file), as: UTF8.self)
    }

    @Test func `a child says how it ended`() async throws {
        let ended = try ChildProcess.spawn(shell("exit 7"))
        #expect(await ended.wait() == .exited(7))
        let shot = try ChildProcess.spawn(shell("kill -TERM $$"))
        #expect(shot.waitBlocking() == .signalled(Signals.terminate))
        #expect(await shot.wait() == .signalled(Signals.terminate))
    }

    @Test func `a program that is not there is an error at once, and no path is searched`() {
        #expect(throws: Errno.noSuchFile) { try ChildProcess.spawn(ProcessSpec(program: "/no/such/program")) }
        #expect(throws: Errno.invalid) { try ChildProcess.spawn(ProcessSpec(program: "sh")) }
    }

    @Test func `bytes go in and come out through pipes`() async throws {
        var spec = ProcessSpec(program: "/bin/cat")
        spec.input = .pipe
        spec.output = .pipe
        let child = try ChildProcess.spawn(spec)
        if let input = child.takeInput() { #expect(try input.writeAvailable(Array("through".utf8)) == 7) }
        let output = try taken(child.takeOutput())
        #expect(try readAll(output) == "through")
        #expect(throws: NothingThere.self) { _ = try taken(child.takeInput()) }
        #expect(await child.wait() == .exited(0))
    }

    @Test func `only what is named goes along: no descriptor, no variable, no signal state`() async throws {
        let stray = try FileDescriptor.reading("/etc/passwd")
        var pair = try SocketPair()
        let ours = try taken(pair.takeFirst())
        var spec = shell(
            "ls /proc/self/fd | tr '\\n' ' '; env | grep -v -e ^PWD -e ^_ -e ^SHLVL; grep SigBlk /proc/self/status")
        spec.environment = ["ONLY": "this", "PATH": "/usr/bin:/bin"]
        spec.output = .pipe
        spec.passed = [5: ours.raw]
        let child = try ChildProcess.spawn(spec)
        let output = try taken(child.takeOutput())
        let text = try readAll(output)
        // 3 is the folder that ls itself has open.
        #expect(text.hasPrefix("0 1 2 3 5 "), "\(text)")
        #expect(text.contains("ONLY=this\n"))
        #expect(!text.contains("HOME="))
        #expect(text.contains("SigBlk:\t0000000000000000"))
        #expect(stray.raw > 2)
        #expect(await child.wait() == .exited(0))
    }

    @Test func `passed descriptors may trade numbers`() async throws {
        let first = try FileDescriptor.unnamed(in: "/tmp")
        let second = try FileDescriptor.unnamed(in: "/tmp")
        var spec = shell("printf one >/proc/self/fd/\(second.raw); printf two >/proc/self/fd/\(first.raw)")
        spec.passed = [second.raw: first.raw, first.raw: second.raw]
        let child = try ChildProcess.spawn(spec)
        #expect(await child.wait() == .exited(0), "\(child.errorText)")
        #expect(try first.read(upTo: 9, at: 0) == Array("one".utf8))
        #expect(try second.read(upTo: 9, at: 0) == Array("two".utf8))
    }

    @Test func `standard error is drained without end and its tail kept`() async throws {
        var spec = shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; printf last >&2")
        spec.errorLimit = 1000
        spec.environment = ["PATH": "/usr/bin:/bin"]
        let child = try ChildProcess.spawn(spec)
        #expect(await child.wait() == .exited(0))
        #expect(child.errorText == String(repeating: "x", count: 996) + "last")
    }

    @Test func `a deadline kills the whole group`() async throws {
        var spec = shell("sleep 1000 & echo $!; wait")
        spec.output = .pipe
        spec.environment = ["PATH": "/usr/bin:/bin"]
        let child = try ChildProcess.spawn(spec)
        let output = try taken(child.takeOutput())
        #expect(await child.wait(deadline: .milliseconds(50)) == .timedOut)
        // The pipe ends only once the grandchild, which has it open too, is gone.
        _ = try readAll(output)
    }

    @Test func `what a child leaves behind in its group dies with it`() async throws {
        var spec = shell("sleep 1000 & exit 0")
        spec.output = .pipe
        spec.environment = ["PATH": "/usr/bin:/bin"]
        let child = try ChildProcess.spawn(spec)
        let output = try taken(child.takeOutput())
        #expect(await child.wait() == .exited(0))
        _ = try readAll(output)
    }

    @Test func `kill may come at any time and more than once`() async throws {
        let child = try ChildProcess.spawn(ProcessSpec(program: "/bin/sleep", arguments: ["1000"]))
        child.kill()
        child.kill()
        #expect(await child.wait() == .signalled(Signals.kill))
        child.kill()
        #expect(!child.isRunning)
    }

    @Test func `a cancelled wait kills`() async throws {
        let child = try ChildProcess.spawn(ProcessSpec(program: "/bin/sleep", arguments: ["1000"]))
        let waiting = Task { await child.wait() }  // awaited below
        waiting.cancel()
        #expect(await waiting.value == .signalled(Signals.kill))
    }

    @Test func `no zombie stays, also of a child that nobody waits for`() async throws {
        let pid = try ChildProcess.spawn(shell("exit 0")).pid
        let last = try ChildProcess.spawn(shell("exit 0"))
        _ = await last.wait()
        // Reaped in any order; the number is gone once its zombie is.
        try await eventually { !Files.exists("/proc/\(pid)") }
    }
}
