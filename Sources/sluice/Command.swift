import App

/// Every subcommand.
enum Command: String, CaseIterable {
    case serve, upload, status
    case playURL = "play-url"
    case jobs, queues, dead
    case keys, token, config, doctor, verify, migrate, store

    func run(_ arguments: [String]) async throws -> Int32 {
        switch self {
        case .serve: await Serve.run(arguments: arguments, environment: Sluice.environment, version: Sluice.version)
        case .upload: try await UploadCommand.run(arguments)
        case .status: try await StatusCommand.run(arguments)
        case .playURL: try await PlayURLCommand.run(arguments)
        case .jobs: try await JobsCommand.run(arguments)
        case .queues: try await QueuesCommand.run(arguments)
        case .dead: try await DeadCommand.run(arguments)
        case .keys: try await KeysCommand.run(arguments)
        case .token: try TokenCommand.run(arguments)
        case .config: try ConfigCommand.run(arguments)
        case .doctor: try await DoctorCommand.run(arguments)
        case .verify: try await VerifyCommand.run(arguments)
        case .migrate: try await MigrateCommand.run(arguments)
        case .store: try await StoreCommand.run(arguments)
        }
    }
}
