import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.ArrayList;
import java.util.Collection;
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
                Document asked = message.getDocument();
                String command = asked.keySet().iterator().next();
                boolean inOrder = command.equals("update") && !Boolean.FALSE.equals(asked.get("ordered"));
                Document answer = inOrder ? updateInOrder(message) : super.handleMessage(message);
                if (!READS.contains(command)) commit(); // journal=true: acknowledged is in the file
                return answer;
            }

            /** One by one and no further than the first that fails, as MongoDB does; this server would go on. */
            private Document updateInOrder(MongoMessage message) {
                int matched = 0, modified = 0, index = 0;
                List<Document> upserted = new ArrayList<>(), errors = new ArrayList<>();
                Document answer = null;
                for (Object update : (Collection<?>) message.getDocument().get("updates")) {
                    Document one = new Document(message.getDocument()).append("updates", List.of(update));
                    answer = super.handleMessage(new MongoMessage(message.getChannel(), message.getHeader(), one));
                    matched += number(answer, "n");
                    modified += number(answer, "nModified");
                    for (Object each : list(answer, "upserted")) upserted.add(((Document) each).append("index", index));
                    for (Object each : list(answer, "writeErrors")) errors.add(((Document) each).append("index", index));
                    if (!errors.isEmpty()) break;
                    index++;
                }
                answer.append("n", matched).append("nModified", modified);
                if (!upserted.isEmpty()) answer.append("upserted", upserted);
                return answer.containsKey("writeErrors") ? answer.append("writeErrors", errors) : answer;
            }

            private int number(Document answer, String name) {
                return answer.get(name) instanceof Number ? ((Number) answer.get(name)).intValue() : 0;
            }

            private Collection<?> list(Document answer, String name) {
                return answer.get(name) instanceof Collection ? (Collection<?>) answer.get(name) : List.of();
            }
        };
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        System.out.println("Mongo is listening");
    }
}
