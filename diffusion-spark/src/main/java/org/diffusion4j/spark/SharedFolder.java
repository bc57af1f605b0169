package org.diffusion4j.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serial;
import java.io.Serializable;
import java.net.URI;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * A folder of any Hadoop file system, which all executors and the driver reach. Files appear in it
 * whole or not at all.
 *
 * @param uri absolute, with the scheme of its file system
 * @param settings of Hadoop, by name
 */
record SharedFolder(String uri, Map<String, String> settings) implements Serializable {

  @Serial private static final long serialVersionUID = 1;

  private static final String TEMPORARY = ".tmp";

  SharedFolder {
    settings = Map.copyOf(settings);
  }

  /**
   * A folder as the driver names it.
   *
   * @param folder a URI, or a path of the default file system
   */
  static SharedFolder of(SparkSession spark, String folder) throws IOException {
    if (folder.isBlank()) {
      throw new IllegalArgumentException("shared folder must have a name but was blank");
    }
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Map<String, String> settings = new HashMap<>();
    hadoop.forEach(entry -> settings.put(entry.getKey(), entry.getValue()));
    Path path = new Path(folder);
    URI absolute = path.getFileSystem(hadoop).makeQualified(path).toUri();
    return new SharedFolder(absolute.toString(), settings);
  }

  SharedFolder resolve(String name) {
    return new SharedFolder(path().toString() + "/" + name, settings);
  }

  String name() {
    return path().getName();
  }

  private Path path() {
    return new Path(uri);
  }

  private Configuration configuration() {
    Configuration configuration = new Configuration(false);
    // The caller may be code that Spark has loaded, and Hadoop not.
    configuration.setClassLoader(SharedFolder.class.getClassLoader());
    settings.forEach(configuration::set);
    return configuration;
  }

  /** The file system; without checksum files beside those of a local one. */
  private FileSystem files() throws IOException {
    FileSystem files = path().getFileSystem(configuration());
    return files instanceof LocalFileSystem local ? local.getRawFileSystem() : files;
  }

  void create() throws IOException {
    FileSystem files = files();
    if (!files.mkdirs(path())) {
      throw new IOException(uri + ": cannot be created");
    }
  }

  boolean exists(String name) throws IOException {
    return files().exists(new Path(path(), name));
  }

  /** The names of what is in the folder, sorted; none if there is no folder. */
  List<String> list() throws IOException {
    return statuses().stream().map(status -> status.getPath().getName()).sorted().toList();
  }

  private List<FileStatus> statuses() throws IOException {
    try {
      return Arrays.asList(files().listStatus(path()));
    } catch (FileNotFoundException e) {
      return List.of();
    }
  }

  byte[] read(String name) throws IOException {
    FileSystem files = files();
    Path file = new Path(path(), name);
    byte[] bytes = new byte[Math.toIntExact(files.getFileStatus(file).getLen())];
    try (var in = files.open(file)) {
      in.readFully(bytes);
    }
    return bytes;
  }

  FSDataInputStream open(String name) throws IOException {
    return files().open(new Path(path(), name));
  }

  /** Writes to a stream. */
  @FunctionalInterface
  interface Content {
    void write(FSDataOutputStream out) throws IOException;
  }

  /** Writes a file, which replaces one of the same name when it is complete. */
  void write(String name, Content content) throws IOException {
    FileSystem files = files();
    Path temporary = new Path(path(), temporary(name));
    boolean done = false;
    try {
      try (FSDataOutputStream out = files.create(temporary, true)) {
        content.write(out);
      }
      replace(files, temporary, new Path(path(), name));
      done = true;
    } finally {
      if (!done) {
        files.delete(temporary, false);
      }
    }
  }

  private void replace(FileSystem files, Path from, Path to) throws IOException {
    if (files.getUri().getScheme().equals("file")) {
      // Java's rename replaces a file.
      if (!files.rename(from, to)) {
        throw new IOException(to + ": cannot be written");
      }
    } else {
      FileContext.getFileContext(files.getUri(), configuration())
          .rename(from, to, Options.Rename.OVERWRITE);
    }
  }

  private static String temporary(String name) {
    return "." + name + "." + UUID.randomUUID() + TEMPORARY;
  }

  /**
   * Copies a local directory into this folder; it appears when it is complete.
   *
   * @param name of the copy; if there is one, nothing is done
   */
  void upload(java.nio.file.Path directory, String name) throws IOException {
    FileSystem files = files();
    Path target = new Path(path(), name);
    if (files.exists(target)) {
      return;
    }
    Path temporary = new Path(path(), temporary(name));
    boolean done = false;
    try {
      files.copyFromLocalFile(false, true, new Path(directory.toUri()), temporary);
      // If another attempt was faster, it has written the same.
      done = !files.exists(target) && files.rename(temporary, target);
      if (!done && !files.exists(target)) {
        throw new IOException(target + ": cannot be written");
      }
    } finally {
      if (!done) {
        files.delete(temporary, true);
      }
    }
  }

  /** Copies everything in this folder to a new local directory. */
  void download(java.nio.file.Path directory) throws IOException {
    download(files(), path(), directory);
  }

  private static void download(FileSystem files, Path from, java.nio.file.Path to)
      throws IOException {
    Files.createDirectories(to);
    for (FileStatus status : files.listStatus(from)) {
      java.nio.file.Path copy = to.resolve(status.getPath().getName());
      if (status.isDirectory()) {
        download(files, status.getPath(), copy);
      } else {
        try (var in = files.open(status.getPath())) {
          Files.copy(in, copy);
        }
      }
    }
  }

  void delete(String name) throws IOException {
    files().delete(new Path(path(), name), true);
  }

  /** Deletes what killed tasks left behind; nobody may be writing. */
  void deleteUnfinished() throws IOException {
    for (String name : list()) {
      if (name.startsWith(".") && name.endsWith(TEMPORARY)) {
        delete(name);
      }
    }
  }

  /** A text that changes if a file in the folder or below does. */
  String fingerprint() throws IOException {
    List<String> files = new ArrayList<>();
    fingerprint(files(), path(), files);
    return String.join(";", files);
  }

  private static void fingerprint(FileSystem files, Path at, List<String> into) throws IOException {
    FileStatus[] all = files.listStatus(at);
    Arrays.sort(all);
    for (FileStatus status : all) {
      if (status.isDirectory()) {
        fingerprint(files, status.getPath(), into);
      } else {
        into.add(
            status.getPath().toUri().getPath()
                + "="
                + status.getLen()
                + "@"
                + status.getModificationTime());
      }
    }
  }

  /** The folder as a local directory, if it is one. */
  Optional<java.nio.file.Path> local() {
    URI location = path().toUri();
    return "file".equals(location.getScheme())
        ? Optional.of(java.nio.file.Path.of(location.getPath()))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return uri;
  }
}
