# What Google would answer. Each service account has an email of its own, so that tests/infra can check
# each grant. A function that is added to the topology needs its account here.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = {
      uri = "https://function.example"
    }
  }
}

mock_resource "google_monitoring_notification_channel" {
  defaults = {
    name = "projects/test-project/notificationChannels/2"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["drain"]
  values = {
    email  = "fn-drain@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-drain@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-drain@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-drain@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["receive-webhook"]
  values = {
    email  = "fn-receive-webhook@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-receive-webhook@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-receive-webhook@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-receive-webhook@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["reconcile"]
  values = {
    email  = "fn-reconcile@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-reconcile@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-reconcile@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-reconcile@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["canary"]
  values = {
    email  = "fn-canary@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-canary@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-canary@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-canary@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["upsert-markers"]
  values = {
    email  = "fn-upsert-markers@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-upsert-markers@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-upsert-markers@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-upsert-markers@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["delete-markers"]
  values = {
    email  = "fn-delete-markers@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-delete-markers@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-delete-markers@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-delete-markers@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["issue-signed-urls"]
  values = {
    email  = "fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["store-previews"]
  values = {
    email  = "fn-store-previews@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-store-previews@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-store-previews@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-store-previews@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["snapshot-media"]
  values = {
    email  = "fn-snapshot-media@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-snapshot-media@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-snapshot-media@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-snapshot-media@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.function["run-searches"]
  values = {
    email  = "fn-run-searches@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-run-searches@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-run-searches@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-run-searches@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.build
  values = {
    email  = "function-build@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/function-build@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:function-build@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/function-build@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.push
  values = {
    email  = "pubsub-push@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/pubsub-push@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:pubsub-push@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/pubsub-push@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = google_service_account.scheduler
  values = {
    email  = "drain-scheduler@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/drain-scheduler@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:drain-scheduler@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/drain-scheduler@test-project.iam.gserviceaccount.com"
  }
}
