package org.diffusion4j.spark;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;

/**
 * A cluster of executor processes on this machine. The environment names a folder, {@code
 * SPARK_HOME}, in which this makes what a Spark installation has.
 */
final class Cluster {

  private static final String LIBRARY =
      ".*/(org/nd4j|org/bytedeco|com/jakewharton|net/ericaro)/.*|.*/diffusion-[^/]*";

  private static SparkSession shared;

  private Cluster() {}

  /**
   * Three executors for all classes of tests that disturb none; the next start ends them. They load
   * the library's jars as those of an application, with a class loader of Spark.
   */
  static SparkSession shared() {
    if (shared == null || shared.sparkContext().isStopped()) {
      shared = start(3, Map.of("spark.stage.maxConsecutiveAttempts", "2"), true);
    }
    return shared;
  }

  /** Starts executors of one core each, which have the library in their class path. */
  static SparkSession start(int executors, Map<String, String> settings) {
    return start(executors, settings, false);
  }

  private static SparkSession start(
      int executors, Map<String, String> settings, boolean applicationJars) {
    if (shared != null) {
      shared.stop();
    }
    try {
      List<Path> jars = new ArrayList<>();
      List<Path> folders = new ArrayList<>();
      classPath(jars, folders);
      List<Path> ofApplication = new ArrayList<>();
      if (applicationJars) {
        jars.stream().filter(jar -> jar.toString().matches(LIBRARY)).forEach(ofApplication::add);
        jars.removeAll(ofApplication);
        ofApplication.add(jarOf(folders));
      }
      install(jars);
      SparkSession.Builder session =
          SparkSession.builder()
              .master("local-cluster[" + executors + ",1,640]")
              .config("spark.driver.host", "127.0.0.1")
              .config("spark.driver.bindAddress", "127.0.0.1")
              .config("spark.executor.memory", "640m")
              .config("spark.ui.enabled", "false")
              .config("spark.sql.shuffle.partitions", "2")
              .config("spark.sql.warehouse.dir", home().resolve("warehouse").toString())
              .config("spark.executor.heartbeatInterval", "2s")
              .config("spark.executorEnv.OMP_NUM_THREADS", "1")
              .config(
                  "spark.executor.extraJavaOptions",
                  "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Ddiffusion4j.threads=1");
      if (applicationJars) {
        // Where the executors already are: they need not fetch them.
        session.config("spark.jars", joined(ofApplication, "local:", ","));
      } else {
        session.config("spark.executor.extraClassPath", joined(folders, "", File.pathSeparator));
      }
      settings.forEach(session::config);
      return session.getOrCreate();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path home() {
    String home = System.getenv("SPARK_HOME");
    if (home == null) {
      throw new IllegalStateException("SPARK_HOME must name a folder that tests may write to");
    }
    return Path.of(home);
  }

  /** The jars of the class path, one of each name, and its folders. */
  private static void classPath(List<Path> jars, List<Path> folders) {
    Set<String> seen = new HashSet<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Path path = Path.of(entry).toAbsolutePath();
      if (Files.isDirectory(path)) {
        folders.add(path);
      } else if (Files.exists(path) && seen.add(artifact(path))) {
        jars.add(path);
      }
    }
  }

  /** A jar's path without its version, but with its classifier. */
  private static String artifact(Path jar) {
    Path version = jar.getParent();
    String name = String.valueOf(jar.getFileName());
    return version.getParent() + "/" + name.replace(String.valueOf(version.getFileName()), "");
  }

  private static String joined(List<Path> paths, String scheme, String between) {
    return String.join(between, paths.stream().map(path -> scheme + path).toList());
  }

  private static void install(List<Path> jars) throws IOException {
    Path folder = home().resolve("jars");
    Files.createDirectories(folder);
    try (Stream<Path> old = Files.list(folder)) {
      for (Path link : old.toList()) {
        Files.delete(link);
      }
    }
    for (Path jar : jars) {
      Files.createSymbolicLink(folder.resolve(jar.getFileName()), jar);
    }
  }

  private static Path jarOf(List<Path> folders) throws IOException {
    Path jar = Files.createTempFile("application-", ".jar");
    jar.toFile().deleteOnExit();
    Set<String> names = new HashSet<>();
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file)) {
      for (Path folder : folders) {
        try (Stream<Path> files = Files.walk(folder)) {
          for (Path each : files.filter(Files::isRegularFile).toList()) {
            String name = folder.relativize(each).toString().replace(File.separatorChar, '/');
            if (names.add(name)) {
              out.putNextEntry(new JarEntry(name));
              Files.copy(each, out);
            }
          }
        }
      }
    }
    return jar;
  }
}
