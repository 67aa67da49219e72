import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.kafka.tools.AclCommand;

/** kafka-acls, once for each line of standard input, its words parted by tabs: a Java for each would take seconds. */
public final class Acls {
    public static void main(String[] none) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            AclCommand.main(line.split("\t"));
        }
    }
}
