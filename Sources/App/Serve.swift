import Glibc
import HTTPServer
import Platform

/// `sluice serve`: reads the settings, builds the parts, runs them until a signal, and ends them in order.
package enum Serve {
    /// The exit code.
    package static func run(arguments: [String], environment: [String: String], version: String) async -> Int32 {
        Signals.ignorePipe()
        // A connection each, and two files an upload.
        DescriptorLimit.raise(to: 65_536)
        let stop: AsyncStream<Int32>
        let asked = EndAsked()
        do {
            stop = try signals(asked)
        } catch {
            say("sluice: signals cannot be watched: \(error)\n")
            return 1
        }
        do {
            let settings = try Settings.load(arguments: arguments, environment: environment)
            for warning in settings.warnings { say("sluice: \(warning)\n") }
            let node = try await Node.start(settings, version: version) { asked.isAsked }
            return await node.run(until: stop)
        } catch let failure as SettingsFailure {
            say(failure.text + "\n")
            return 2
        } catch is CancellationError {
            return 0
        } catch {
            say("sluice: it cannot start\n  why: \(error)    do: sluice doctor   more: docs/errors.md#start\n")
            return 1
        }
    }

    /// The first signal asks for an orderly end; a second one ends at once, whatever is under way.
    private static func signals(_ asked: EndAsked) throws -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(1))
        try Signals.watch([Signals.terminate, Signals.interrupt]) { signal in
            if asked.again() { exit(signal == Signals.interrupt ? 130 : 1) }
            continuation.yield(signal)
        }
        return stream
    }

    /// Must be called from the first thread before any other exists, so that all threads inherit the mask.
    package static func blockSignals() { Signals.block([Signals.terminate, Signals.interrupt]) }

    private static func say(_ text: String) { StandardError.write(text) }
}

enum StandardError {
    static let isTerminal = isatty(2) == 1

    static func write(_ text: String) { put(Array(text.utf8), to: 2) }

    /// Lines of a log: whole, or the reader is gone and nobody misses them.
    static func put(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent)
                if count < 0 && errno != EINTR { return }
                sent += max(0, count)
            }
        }
    }
}
