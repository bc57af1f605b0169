package org.diffusion4j.spring;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingClass;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * The beans of {@code diffusion.models}: for each model a {@link DiffusionModel} and its {@code
 * PretrainedModel}. Adds health and metrics where the application has them, of Spring Boot 3 or 4.
 */
@AutoConfiguration
@EnableConfigurationProperties(DiffusionProperties.class)
@Import(ModelDefinitions.class)
public class DiffusionAutoConfiguration {

  @Bean(ModelDefinitions.FACTORY)
  static ModelFactory diffusionModelFactory(
      DiffusionProperties properties, ObjectProvider<Instruments.Factory> instruments) {
    return new ModelFactory(
        properties, instruments.getIfAvailable(() -> (model, waiting) -> Instruments.NONE));
  }

  @Bean
  static ModelLifecycle diffusionModelLifecycle(
      DiffusionProperties properties, ObjectProvider<DiffusionModel> models) {
    return new ModelLifecycle(() -> models.stream().toList(), properties.shutdownTimeout());
  }

  /** Meters, where there is a registry of meters. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(MeterRegistry.class)
  static class Metrics {

    @Bean
    static Instruments.Factory diffusionInstruments(
        ObjectProvider<MeterRegistry> meters, ObjectProvider<ObservationRegistry> observations) {
      return (model, waiting) -> {
        MeterRegistry registry = meters.getIfUnique();
        return registry == null
            ? Instruments.NONE
            : new MicrometerInstruments(
                registry, observations.getIfUnique(() -> ObservationRegistry.NOOP), model, waiting);
      };
    }
  }

  private static final String HEALTH_ENABLED =
      "${management.health.diffusion.enabled:${management.health.defaults.enabled:true}}";

  /** Health of Spring Boot 3. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(org.springframework.boot.actuate.health.HealthIndicator.class)
  @ConditionalOnMissingClass("org.springframework.boot.health.contributor.HealthIndicator")
  @ConditionalOnExpression(HEALTH_ENABLED)
  static class HealthOfBoot3 {

    @Bean
    static org.springframework.boot.actuate.health.HealthIndicator diffusionHealthIndicator(
        ObjectProvider<DiffusionModel> models) {
      ModelHealth health = new ModelHealth(() -> models.stream().toList());
      return () -> {
        var builder = new org.springframework.boot.actuate.health.Health.Builder();
        builder =
            health.isOut() ? builder.outOfService() : health.isUp() ? builder.up() : builder.down();
        return builder.withDetails(health.details()).build();
      };
    }
  }

  /** Health of Spring Boot 4. */
  @Configuration(proxyBeanMethods = false)
  @ConditionalOnClass(org.springframework.boot.health.contributor.HealthIndicator.class)
  @ConditionalOnExpression(HEALTH_ENABLED)
  static class HealthOfBoot4 {

    @Bean
    static org.springframework.boot.health.contributor.HealthIndicator diffusionHealthIndicator(
        ObjectProvider<DiffusionModel> models) {
      ModelHealth health = new ModelHealth(() -> models.stream().toList());
      return () -> {
        var builder = new org.springframework.boot.health.contributor.Health.Builder();
        builder =
            health.isOut() ? builder.outOfService() : health.isUp() ? builder.up() : builder.down();
        return builder.withDetails(health.details()).build();
      };
    }
  }
}
