import App

enum Help {
    static let text = """
        Sluice takes audio in, proves it clean, encodes it and streams it.

        usage: sluice COMMAND [FLAGS]     sluice COMMAND --help says more

          serve                  the server
          upload FILE...         send files and folders, wait until they are ready
          status TRACK           what became of a track (--watch until it is ready)
          play-url TRACK         a link that plays
          jobs list|show|cancel  what is to be done, one by one
          queues list|pause|resume   what waits, and whether it may go on
          dead list|retry|replay     rejected callbacks and dead jobs; send again
          keys create|list|revoke   API keys
          token --track TRACK    a playback token, made without the server
          config                 every setting, its value and where it came from
          doctor                 what this machine lacks, and how to mend it
          verify                 ledger against store, spool and quarantine
          store ls|cat|cp        what lies in the store, or in any bucket
          migrate                the ledger's schema, up to this program (--plan)
          version                which version this is

        On the server's own machine no key is needed; elsewhere set SLUICE_URL and
        SLUICE_KEY, or say --url and --key.

        """
}

extension Command {
    var help: String {
        switch self {
        case .serve:
            """
            usage: sluice serve [--KEY VALUE ...]
            Starts the server. Every setting is a flag, an environment variable or a line
            of the file that SLUICE_CONFIG names.


            """
                + SettingKey.all.map { key in
                    "  \(key.flag)\(key.standard.isEmpty ? "" : " (\(key.standard))")\n      \(key.meaning)\n"
                }.joined()
        case .upload:
            """
            usage: sluice upload FILE|FOLDER... [-j N] [--no-wait] [--json] [--quiet]
            Sends files, and the audio in folders, in chunks, several at once. Waits until
            each is ready, and prints a link that plays. Interrupted by Ctrl+C, a lost
            network or a restart of the server, the same line goes on with what the server
            has.
              -j N          chunks in flight at once, of all files (4; 1 to 32)
              --no-wait     return once the server has every byte
              --json        one line a file: {"id","trackId","state","url","error","file"}
              --quiet       errors only
              --sample      make a 30 s song and send it
              --sample=infected   a harmless test virus in an MP3: see it held back
              --url, --key  a server elsewhere (SLUICE_URL, SLUICE_KEY)
            SIGUSR1 prints a line of progress. What is needed to go on is kept in
            $XDG_STATE_HOME/sluice/uploads (~/.local/state) until a file is done.
            Exit codes: 0 all ready, 1 some failed, 2 usage, 130 interrupted.

            """
        case .status: "usage: sluice status TRACK [--watch] [--json]\nSays what became of a track.\n"
        case .playURL: "usage: sluice play-url TRACK [--expires 1h] [--json]\nPrints a link that plays, alone.\n"
        case .jobs:
            """
            usage: sluice jobs [list] [--state STATE] [--queue QUEUE] [--limit N] [--page N]
                   sluice jobs show JOB
                   sluice jobs cancel JOB
            Lists jobs, newest first; shows one with every attempt and its error; cancels
            one that is still queued.
              --state       queued, running, done, dead or cancelled
              --queue       deliver, finish, prepare or sweep
              --tenant      of one tenant only (operator)
              --json        the data alone
              --url, --key  a server elsewhere (SLUICE_URL, SLUICE_KEY)

            """
        case .queues:
            """
            usage: sluice queues [list] [--tenant T] [--json]
                   sluice queues pause QUEUE
                   sluice queues resume QUEUE
            What waits in each queue and since when. A paused queue takes jobs and starts
            none, on every node; pausing needs a key of tenant default.
              --url, --key  a server elsewhere (SLUICE_URL, SLUICE_KEY)

            """
        case .dead:
            """
            usage: sluice dead [list] [--queue QUEUE] [--limit N] [--page N] [--json]
                   sluice dead retry ID
                   sluice dead replay [--limit N] [--yes]
            Jobs that were given up, with their last error. Replay queues the oldest again,
            at most 500 (--limit), once in 15 s; it says how many and asks first.
              --yes         do not ask
              --tenant      of one tenant only (operator)
              --url, --key  a server elsewhere (SLUICE_URL, SLUICE_KEY)

            """
        case .migrate:
            """
            usage: sluice migrate [--plan] [--data FOLDER] [--json]
            Brings the ledger's schema up to this program. serve does the same at its start.
              --plan        say what would run, change nothing

            """
        case .keys:
            """
            usage: sluice keys create --name NAME [--tenant T] [--permissions A,B] [--json]
                   sluice keys list [--json]
                   sluice keys revoke KEY_ID
            Permissions: UploadAudio, StreamAudio, ManageTracks, Admin. A key is shown once.

            """
        case .token:
            "usage: sluice token --track TRACK [--tenant T] [--expires 4h] [--json]\nSigns a playback token with this data folder's secret.\n"
        case .config:
            "usage: sluice config [--json] [--KEY VALUE ...]\nEvery setting, its value and where it came from; secrets hidden.\n"
        case .doctor: "usage: sluice doctor [--json]\nLooks at everything the service needs; 1 if something is wrong.\n"
        case .verify:
            """
            usage: sluice verify [--repair [--yes]] [--data FOLDER] [--json]
            Compares the ledger with the store, and with the spool and the quarantine of
            this data folder, both ways, with the server running or not; 1 if they differ.
              missing, size   a file that the ledger needs is not there, or not whole
              orphan          a file is there, and nothing in the ledger needs it
              foreign         it is no name of ours; it is left alone
              damaged         a row of the ledger cannot be read
              --repair        delete orphans, and abort uploads to the store that nobody
                              goes on with; says how much, and asks. Nothing that the
                              ledger needs is ever deleted; what is missing stays reported.
              --yes           do not ask

            """
        case .store:
            """
            usage: sluice store ls [NAME] [--limit N] [--json]
                   sluice store cat NAME
                   sluice store cp FROM TO [--concurrency N] [--quiet]
            NAME is s3://bucket/key or file:key (this machine's store); one that ends in a
            slash is a folder. FROM and TO are names, files or folders; one is a name. A
            bucket is spoken to as the SLUICE_S3_ settings and AWS_ variables say.
              --concurrency N   files at once (4)
              --limit N         list so many
              --json            ls: one line a file: {"name","size"}
              --quiet           errors only

              sluice store ls                                  all of this service's store
              sluice store cp s3://music/hls/trk_1/ ./trk_1    a folder, from there to here

            """
        }
    }
}
