package casebook;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

import org.codelibs.opensearch.runner.OpenSearchRunner;

/**
 * Runs a cluster of real OpenSearch nodes on loopback, for tests: {@code Cluster FOLDER NODES}. When the cluster is there, the file
 * answers in FOLDER says "ports P0 P1 …". "stop N" and "start N" on standard input are obeyed, and answered there with "done"; the end of standard
 * input is the end. Standard output is no place for answers: the logger of a node takes it and closes it.
 */
public final class Cluster {
    private Cluster() {}

    public static void main(final String[] args) throws Exception {
        final int nodes = Integer.parseInt(args[1]);
        final int[] http = new int[nodes];
        final int[] transport = new int[nodes];
        final StringBuilder seeds = new StringBuilder();
        for (int i = 0; i < nodes; i++) {
            http[i] = freePort();
            transport[i] = freePort();
            seeds.append(i == 0 ? "" : ",").append("127.0.0.1:").append(transport[i]);
        }
        try (OpenSearchRunner runner = new OpenSearchRunner()) {
            runner.onBuild((number, settings) -> {
                final int i = number - 1;
                settings.put("network.host", "127.0.0.1");
                settings.put("http.port", String.valueOf(http[i]));
                settings.put("transport.port", String.valueOf(transport[i]));
                settings.put("discovery.seed_hosts", seeds.toString());
                settings.put("cluster.initial_cluster_manager_nodes", "Node 1");
                // A test machine's disk may be nearly full, and its nodes share one processor.
                settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
                settings.put("node.processors", "1");
                settings.put("http.max_content_length", "32mb");
            }).build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(nodes).clusterName("casebook-test-" + http[0]));
            runner.ensureGreen();
            final StringBuilder ports = new StringBuilder("ports");
            for (final int p : http) {
                ports.append(' ').append(p);
            }
            final Path answers = Path.of(args[0], "answers");
            answer(answers, ports.toString());
            final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                final String[] words = line.trim().split(" ");
                switch (words[0]) {
                case "stop" -> runner.getNode(Integer.parseInt(words[1])).close();
                case "start" -> {
                    runner.startNode(Integer.parseInt(words[1]));
                    runner.ensureYellow();
                }
                default -> throw new IllegalArgumentException(line);
                }
                answer(answers, "done");
            }
        }
    }

    private static void answer(final Path answers, final String line) throws IOException {
        Files.writeString(answers, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private static int freePort() throws Exception {
        try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return s.getLocalPort();
        }
    }
}
