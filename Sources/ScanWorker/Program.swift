import CClamAV
import Glibc
import Platform
import ScanBridge

/// The command line of `sluice-scan`: what the service starts, and `--check` for people.
enum Program {
    static let usage = """
        usage: sluice-scan --check [--database PATH] [--scratch FOLDER] [--unsafe-no-sandbox]
               sluice-scan --control DESCRIPTOR --parent PID --scratch FOLDER [--database PATH] [--unsafe-no-sandbox]

        Started by sluice. --check loads the database, runs the canaries and says what is there.

        """

    struct Options {
        var database: String?
        var scratch: String?
        var control: Int32?
        var parent: Int32?
        var isCheck = false
        var isJailed = true
    }

    static func run(_ arguments: [String]) -> Int32 {
        guard let options = options(arguments) else {
            print(usage, to: 2)
            return 2
        }
        if options.isCheck { return check(options) }
        guard let control = options.control, let parent = options.parent, let scratch = options.scratch else {
            print(usage, to: 2)
            return 2
        }
        return serve(options, control: FileDescriptor(owning: control), parent: parent, folder: scratch)
    }

    /// Answers on the control socket until it closes.
    private static func serve(
        _ options: Options, control: consuming FileDescriptor, parent: Int32, folder: String
    ) -> Int32 {
        // Asked for first, then checked: a service that died in between is noticed too.
        guard sluice_die_with_parent() == 0, getppid() == parent else { return 3 }
        do throws(Errno) {
            let engine: Engine
            do throws(EngineFailure) {
                engine = try Engine(database: options.database, folder: folder)
            } catch {
                try control.sendMessage(WireMessage.failed(error.message).bytes)
                return 1
            }
            var zygote = Zygote(engine: engine, control: control, folder: folder, isJailed: options.isJailed)
            if let trouble = zygote.trouble() {
                try zygote.control.sendMessage(WireMessage.failed(trouble).bytes)
                return 1
            }
            try zygote.control.sendMessage(WireMessage.ready(engine.info).bytes)
            try zygote.run()
            return 0
        } catch {
            print("sluice-scan: \(error)\n", to: 2)
            return 1
        }
    }

    private static func check(_ options: Options) -> Int32 {
        let folder = "\(options.scratch ?? "/tmp")/sluice-scan-check-\(getpid())"
        do throws(Errno) {
            try Files.makeFolder(folder)
            defer { discard(folder) }
            let engine: Engine
            do throws(EngineFailure) {
                engine = try Engine(database: options.database, folder: folder)
            } catch {
                print("sluice-scan: \(error.message)\n", to: 2)
                return 1
            }
            var pair = try SocketPair()
            guard let end = pair.takeFirst() else { return 1 }
            let zygote = Zygote(engine: engine, control: end, folder: folder, isJailed: options.isJailed)
            if let trouble = zygote.trouble() {
                print("sluice-scan: \(trouble)\n", to: 2)
                return 1
            }
            for value in WireMessage.ready(engine.info).values { print("\(value.name)=\(value.value)\n", to: 1) }
            return 0
        } catch {
            print("sluice-scan: \(folder): \(error)\n", to: 2)
            return 1
        }
    }

    private static func discard(_ folder: String) {
        // It lies in a folder for temporary files; a check is not judged by it.
        try? Files.removeTree(folder)
    }

    private static func options(_ arguments: [String]) -> Options? {
        var options = Options()
        var rest = arguments.dropFirst()
        while let argument = rest.popFirst() {
            switch argument {
            case "--check": options.isCheck = true
            case "--unsafe-no-sandbox": options.isJailed = false
            case "--database", "--scratch", "--control", "--parent":
                guard let value = rest.popFirst() else { return nil }
                switch argument {
                case "--database": options.database = value
                case "--scratch": options.scratch = value
                default:
                    guard let number = Int32(value) else { return nil }
                    if argument == "--control" { options.control = number } else { options.parent = number }
                }
            default: return nil
            }
        }
        return options
    }

    private static func print(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        // Where nobody reads there is nobody to tell.
        _ = write(descriptor, bytes, bytes.count)
    }
}
