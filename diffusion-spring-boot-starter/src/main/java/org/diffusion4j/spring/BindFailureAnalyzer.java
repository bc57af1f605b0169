package org.diffusion4j.spring;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.UnboundConfigurationPropertiesException;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.util.unit.DataSize;

/** Reports values of the wrong type, and unknown properties, in one sentence each. */
@Order(Ordered.HIGHEST_PRECEDENCE)
final class BindFailureAnalyzer extends AbstractFailureAnalyzer<BindException> {

  private static final ConfigurationPropertyName PREFIX =
      ConfigurationPropertyName.of(DiffusionProperties.PREFIX);

  @Override
  protected @Nullable FailureAnalysis analyze(Throwable root, BindException cause) {
    if (!PREFIX.equals(cause.getName()) && !PREFIX.isAncestorOf(cause.getName())) {
      return null;
    }
    if (cause.getCause() instanceof UnboundConfigurationPropertiesException unbound) {
      ConfigurationProperty property = unbound.getUnboundProperties().iterator().next();
      return analysis(
          property.getName() + " is unknown; the properties of a model are " + known(),
          property,
          cause);
    }
    ConfigurationProperty property = cause.getProperty();
    Class<?> type = Objects.requireNonNull(cause.getTarget().getType().resolve(Object.class));
    if (property == null) {
      return type == DiffusionProperties.Model.class ? noGroup(cause) : null;
    }
    return analysis(
        property.getName()
            + " must be "
            + describe(type)
            + " but was "
            + Shown.text(property.getValue()),
        property,
        cause);
  }

  /** A value where the properties of a model should be: its name was left out. */
  private static FailureAnalysis noGroup(BindException cause) {
    return new FailureAnalysis(
        cause.getName()
            + " must be the name of a model, with its properties below it, but has a value",
        "Correct the configuration: its path, for example, is diffusion.models.<name>.path.",
        cause);
  }

  private static FailureAnalysis analysis(
      String sentence, ConfigurationProperty property, BindException cause) {
    String where = property.getOrigin() == null ? "" : " at " + property.getOrigin();
    return new FailureAnalysis(sentence, "Correct the property" + where + ".", cause);
  }

  private static String known() {
    return Arrays.stream(DiffusionProperties.Model.class.getRecordComponents())
        .map(component -> component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }

  private static String describe(Class<?> type) {
    if (type == Integer.class || type == int.class) {
      return "a whole number of 32 bits";
    }
    if (type == Long.class || type == long.class) {
      return "a whole number of 64 bits";
    }
    if (type == Double.class || type == double.class) {
      return "a number";
    }
    if (type == Boolean.class || type == boolean.class) {
      return "true or false";
    }
    if (type == Duration.class) {
      return "a duration such as 30s";
    }
    if (type == DataSize.class) {
      return "a size such as 512MB";
    }
    return "a group of properties";
  }
}
