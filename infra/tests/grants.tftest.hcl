# Grants: each mocked account has a name of its own, so that tests/infra can check each grant.

mock_provider "google" {
  override_during = plan

  mock_data "google_project" {
    defaults = {
      number = "123456789012"
    }
  }

  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      url = "https://function.example"
    }
  }
}

mock_provider "archive" {
  override_during = plan
}

variables {
  project_id = "test-project"
}

override_resource {
  override_during = plan
  target          = module.function["drain"].google_service_account.this
  values = {
    email  = "fn-drain@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-drain@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-drain@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-drain@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["receive-webhook"].google_service_account.this
  values = {
    email  = "fn-receive-webhook@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-receive-webhook@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-receive-webhook@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-receive-webhook@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["upsert-markers"].google_service_account.this
  values = {
    email  = "fn-upsert-markers@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-upsert-markers@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-upsert-markers@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-upsert-markers@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["delete-markers"].google_service_account.this
  values = {
    email  = "fn-delete-markers@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-delete-markers@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-delete-markers@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-delete-markers@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["issue-signed-urls"].google_service_account.this
  values = {
    email  = "fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-issue-signed-urls@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["store-previews"].google_service_account.this
  values = {
    email  = "fn-store-previews@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-store-previews@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-store-previews@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-store-previews@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["snapshot-media"].google_service_account.this
  values = {
    email  = "fn-snapshot-media@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/fn-snapshot-media@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:fn-snapshot-media@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/fn-snapshot-media@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  override_during = plan
  target          = module.function["run-searches"].google_service_account.this
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

run "default" {
  command = plan
}

run "everything" {
  command = plan

  variables {
    archive               = {}
    bigquery              = {}
    budget                = { billing_account = "01ABCD-23EF45-67AB89", amount = 50 }
    kms_key               = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    notification_channels = ["projects/test-project/notificationChannels/1"]
    previews              = { retention_days = 30 }
  }
}
