// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target of the house is built alike; `domain` adds that no line of it may be memory-unsafe.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
let domain = house + [.strictMemorySafety()]

/// The C that is ours: warnings are errors there too.
let strictC: [CSetting] = [.unsafeFlags(["-std=c17", "-Wall", "-Wextra", "-Werror"])]

func library(_ name: String, _ package: String? = nil) -> Target {
    .systemLibrary(name: name, path: "Sources/CLibraries/\(name)", pkgConfig: package)
}

func room(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = house) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: house)
}

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .executable(name: "sluice-scan", targets: ["sluice-scan"]),
        .executable(name: "sluice-jail", targets: ["sluice-jail"]),
    ],
    targets: [
        // C libraries, each a module map and a shim.
        library("CLinux"),
        library("CCrypto", "libcrypto"),
        library("CZlib", "zlib"),
        library("CSQLite", "sqlite3"),
        library("CPostgres", "libpq"),
        library("CCurl", "libcurl"),
        library("CExpat", "expat"),
        library("CClamAV", "libclamav"),
        library("CSeccomp", "libseccomp"),

        // The jail, in C: it must be small enough to be read whole.
        .target(name: "CJail", dependencies: ["CSeccomp"], cSettings: strictC),
        .executableTarget(name: "sluice-jail", dependencies: ["CJail"], cSettings: strictC),

        // openapi.yaml in the program: it is served wherever the program lies. `#embed` is C23.
        .target(name: "COpenAPI", cSettings: [.unsafeFlags(["-std=c23", "-Wall", "-Wextra", "-Werror"])]),

        // Rooms, lowest first. An arrow may only point to a room above it in this list.
        room("Core", [], domain),
        room("Crypto", ["Core", "CCrypto", "CZlib"]),
        room("Platform", ["Core", "CLinux"]),
        room("HTTPClient", ["Core", "Platform", "CCurl"]),
        room(
            "HTTPServer", ["Core", "Platform", "Crypto", "CLinux"], house + [.enableExperimentalFeature("Lifetimes")]),
        room("Storage", ["Core", "Platform", "Crypto", "HTTPClient", "CExpat"]),
        room("Ledger", ["Core", "Platform", "Crypto", "CSQLite", "CPostgres"]),
        room("Access", ["Core", "Crypto", "Platform"]),
        room("Worker", ["Core", "Ledger"]),
        room("ScanBridge", ["Core", "Platform", "CLinux"]),
        room("Transcode", ["Core", "Platform", "Crypto"], domain),
        room("Events", ["Core", "Ledger"], domain),
        room(
            "Ingest",
            ["Core", "Crypto", "Platform", "HTTPServer", "Access", "Storage", "Ledger", "Worker", "Events"], domain),
        room(
            "StreamCoord",
            [
                "Core", "Crypto", "Platform", "HTTPClient", "HTTPServer", "Access", "Storage", "Ledger", "Worker",
                "Events",
            ], domain),
        room(
            "App",
            [
                "Core", "Crypto", "Platform", "HTTPClient", "HTTPServer", "Storage", "Ledger", "Access", "Worker",
                "ScanBridge", "Transcode", "Events", "Ingest", "StreamCoord", "COpenAPI",
            ]),

        // Programs.
        .executableTarget(
            name: "sluice-scan",
            dependencies: ["Core", "Platform", "ScanBridge", "CJail", "CClamAV", "CLinux", "CZlib"],
            path: "Sources/ScanWorker", swiftSettings: house),
        .executableTarget(
            name: "sluice",
            dependencies: ["App", "Core", "Crypto", "Platform", "HTTPClient", "Access", "Storage", "Ledger"],
            swiftSettings: house),

        // What a benchmark measures.
        .executableTarget(
            name: "s3-transfer", dependencies: ["Core", "Platform", "Storage"], path: "Benchmarks/s3/transfer",
            swiftSettings: house),
        .executableTarget(
            name: "ledger-contest", dependencies: ["Core", "Ledger"], path: "Benchmarks/ledger", exclude: ["run"],
            swiftSettings: house),

        // Tests, one folder a target.
        .target(
            name: "TestSupport",
            dependencies: ["Core", "Crypto", "Platform", "HTTPServer", "HTTPClient", "Storage"],
            path: "Tests/TestSupport", swiftSettings: house),
        tests("CoreTests", ["Core"]),
        tests("CryptoTests", ["Core", "Crypto"]),
        tests("PlatformTests", ["Core", "Platform", "CLinux", "TestSupport", "sluice-jail"]),
        tests("HTTPClientTests", ["Core", "Platform", "HTTPClient", "HTTPServer", "TestSupport"]),
        tests("HTTPServerTests", ["Core", "Platform", "HTTPServer", "TestSupport"]),
        tests("StorageTests", ["Core", "Crypto", "Platform", "HTTPClient", "Storage", "TestSupport"]),
        tests("AccessTests", ["Core", "Crypto", "Access"]),
        tests("WorkerTests", ["Core", "Platform", "Ledger", "Worker", "TestSupport"]),
        tests("ScanBridgeTests", ["Core", "Platform", "ScanBridge", "TestSupport", "sluice-scan"]),
        tests("TranscodeTests", ["Core", "Platform", "Crypto", "Transcode", "TestSupport", "sluice-jail"]),
        tests(
            "IngestTests",
            [
                "Core", "Crypto", "Platform", "HTTPServer", "Access", "Storage", "Ledger", "Worker", "Events", "Ingest",
                "TestSupport",
            ]),
        tests(
            "StreamCoordTests",
            [
                "Core", "Crypto", "Platform", "HTTPClient", "HTTPServer", "Access", "Storage", "Ledger", "Worker",
                "Events", "StreamCoord", "TestSupport",
            ]),
        tests(
            "AppTests",
            [
                "Core", "Crypto", "Platform", "HTTPServer", "HTTPClient", "Storage", "Ledger", "Access", "Events",
                "Ingest", "ScanBridge", "StreamCoord", "Transcode", "Worker", "App", "TestSupport", "sluice-jail",
            ]),
        tests("Conformance", ["Core", "Crypto", "Platform", "HTTPClient", "Storage", "Ledger", "TestSupport"]),
        tests("Integration", ["Core", "Crypto", "Platform", "HTTPClient", "Storage", "Ledger", "TestSupport"]),
        tests("Crash", ["Core", "Crypto", "Platform", "HTTPClient", "TestSupport"]),
    ]
)
