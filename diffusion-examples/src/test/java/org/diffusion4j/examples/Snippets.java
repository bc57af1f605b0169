package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Java code of the documentation, compiled to be run. */
final class Snippets implements AutoCloseable {

  private static final Pattern JAVA = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final String IMPORTS =
      """
      import java.awt.image.BufferedImage;
      import java.nio.file.Path;
      import java.time.Duration;
      import java.util.Arrays;
      import java.util.List;
      import org.diffusion4j.*;
      import org.diffusion4j.data.*;
      import org.diffusion4j.micrometer.*;
      import org.diffusion4j.pretrained.*;
      import org.diffusion4j.samplers.*;
      import org.diffusion4j.text.*;
      import org.diffusion4j.training.*;
      import org.diffusion4j.unet.*;
      import org.nd4j.autodiff.samediff.SameDiff;
      import org.nd4j.linalg.api.buffer.DataType;
      import org.nd4j.linalg.api.ndarray.INDArray;
      import org.nd4j.linalg.factory.Nd4j;
      import org.slf4j.LoggerFactory;
      """;

  private final URLClassLoader loader;

  private Snippets(URLClassLoader loader) {
    this.loader = loader;
  }

  /** The Java code of a page, block by block. */
  static List<String> of(Path page) throws IOException {
    List<String> blocks = new ArrayList<>();
    Matcher found = JAVA.matcher(Files.readString(page));
    while (found.find()) {
      blocks.add(found.group(1));
    }
    return blocks;
  }

  /**
   * Compiles blocks, each the body of a method.
   *
   * @param parameters of each method, in Java
   * @param directory for the class, and for the files that the blocks read and write
   */
  static Snippets compile(List<String> blocks, String parameters, Path directory)
      throws IOException {
    StringBuilder source = new StringBuilder(IMPORTS).append("public class Program {\n");
    for (int i = 0; i < blocks.size(); i++) {
      source.append(
          "public static void run%d(%s) throws Exception {\n%s}\n"
              .formatted(i, parameters, blocks.get(i)));
    }
    String folder = directory.toString().replace('\\', '/') + "/";
    compile(
        source.append("}\n").toString().replace("Path.of(\"", "Path.of(\"" + folder), directory);
    return new Snippets(new URLClassLoader(new URL[] {directory.toUri().toURL()}));
  }

  private static void compile(String source, Path directory) {
    JavaFileObject file =
        new SimpleJavaFileObject(URI.create("string:///Program.java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return source;
          }
        };
    StringWriter messages = new StringWriter();
    List<String> options =
        List.of(
            "-proc:none",
            "-d",
            directory.toString(),
            "-classpath",
            System.getProperty("java.class.path")
                + File.pathSeparator
                + System.getProperty("surefire.test.class.path", ""));
    boolean compiled =
        ToolProvider.getSystemJavaCompiler()
            .getTask(messages, null, null, options, null, List.of(file))
            .call();
    assertThat(compiled).as(messages.toString()).isTrue();
  }

  /** Runs a block that has no parameters. */
  void run(int block) throws ReflectiveOperationException {
    loader.loadClass("Program").getMethod("run" + block).invoke(null);
  }

  /** Runs a block that has one parameter. */
  void run(int block, Class<?> parameter, Object argument) throws ReflectiveOperationException {
    loader.loadClass("Program").getMethod("run" + block, parameter).invoke(null, argument);
  }

  @Override
  public void close() throws IOException {
    loader.close();
  }
}
