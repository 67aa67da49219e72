import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVStore;

/** Mongo PORT FILE: speaks MongoDB's protocol on 127.0.0.1, and keeps what it has acknowledged through a kill. */
public class Mongo {
    static final Set<String> READS = Set.of("hello", "ismaster", "ping", "find", "getMore", "count", "listCollections");

    /** Its own constants stop before what today's drivers ask for. */
    static final MongoVersion VERSION = new MongoVersion() {
        public List<Integer> getVersionArray() { return List.of(7, 0, 0); }
        public int getWireVersion() { return 21; }
    };

    public static void main(String[] args) {
        MVStore store = new MVStore.Builder().fileName(args[1]).autoCommitDisabled().open();
        H2Backend backend = new H2Backend(store) {
            @Override
            public Document handleMessage(MongoMessage message) {
                Document answer = super.handleMessage(message);
                String command = message.getDocument().keySet().iterator().next();
                if (!READS.contains(command)) commit(); // journal=true: acknowledged is in the file
                return answer;
            }
        };
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        System.out.println("Mongo is listening");
    }
}
