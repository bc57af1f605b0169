package org.diffusion4j.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.diffusion4j.Sampler;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.examples.serve.PictureModel;
import org.diffusion4j.examples.serve.PictureServer;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.text.TextToImage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Draws pictures for a browser, and for programs over HTTP. */
@Command(
    name = "serve",
    description = "Draws pictures over HTTP, on this machine only, with a page for a browser.",
    mixinStandardHelpOptions = true)
final class ServeCommand extends ExampleCommand {

  private static final int MOST_PORT = 65_535;

  @Option(names = "--port", description = "Port, 0 for one that is free (${DEFAULT-VALUE}).")
  private int port = 8080;

  @Option(
      names = "--model",
      paramLabel = "NAME=DIR",
      description =
          "Model directory with the name that it gets; may be given again for others. Without it,"
              + " the models that come with the examples: fashion and emoji.")
  private Map<String, Path> models = new LinkedHashMap<>();

  @Option(
      names = "--queue",
      converter = Positive.class,
      description = "Number of requests that may wait (${DEFAULT-VALUE}).")
  private int queue = 64;

  @Override
  public Integer call() throws IOException {
    require(
        port >= 0 && port <= MOST_PORT, "--port must be in [0, " + MOST_PORT + "] but was " + port);
    // Without it, the first answer on a connection that is used again waits for a timer of TCP.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    List<String> samplers = NamedSampler.ofUsualModels().stream().map(NamedSampler::name).toList();
    try (PictureServer server =
        PictureServer.start(PictureServer.Settings.of(port, queue), load(), samplers)) {
      // The JVM ends without returning from here, for example at Ctrl-C.
      Thread stop = new Thread(server::close, "stop");
      Runtime.getRuntime().addShutdownHook(stop);
      out().println("serving  " + server.url() + "  (Ctrl-C ends it)");
      out().flush();
      new CountDownLatch(1).await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }

  private List<PictureModel> load() throws IOException {
    Map<String, Path> all = new LinkedHashMap<>(models);
    if (all.isEmpty()) {
      all.put(Clothes.NAME, Path.of(Clothes.NAME));
      all.put(Emoji.NAME, Path.of(Emoji.NAME));
    }
    List<PictureModel> loaded = new ArrayList<>();
    boolean done = false;
    try {
      for (Map.Entry<String, Path> one : all.entrySet()) {
        loaded.add(load(one.getKey(), one.getValue()));
      }
      done = true;
      return loaded;
    } finally {
      if (!done) {
        loaded.forEach(PictureModel::close);
      }
    }
  }

  private static PictureModel load(String name, Path directory) throws IOException {
    boolean texts =
        directory.equals(Path.of(Emoji.NAME))
            || Files.isDirectory(directory.resolve("text_encoder"));
    if (texts) {
      TextToImage model = Emoji.orModel(directory);
      return PictureModel.ofTexts(name, model, ServeCommand::sampler);
    }
    PretrainedModel model = Clothes.orModel(directory);
    List<String> classes = directory.equals(Path.of(Clothes.NAME)) ? Clothes.CLASSES : List.of();
    boolean done = false;
    try {
      PictureModel pictures = PictureModel.ofClasses(name, model, classes, ServeCommand::sampler);
      done = true;
      return pictures;
    } finally {
      if (!done) {
        model.close();
      }
    }
  }

  private static Sampler sampler(String name, SchedulerConfig config, int steps) {
    return new NamedSampler(name).sampler(config, steps);
  }
}
